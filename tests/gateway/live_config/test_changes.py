"""The table of what changes live and what needs a restart."""

from __future__ import annotations

import re

from gateway.config.settings import Config
from gateway.live_config.changes import LIVE, RESTART, WORKERS, differing, merged, named, settings
from tests.deploy.paths import DEPLOY


def live_settings() -> list[str]:
    return [WORKERS, *(named(section, name) for section, names in LIVE.items() for name in names)]


def test_every_setting_is_in_the_table_once() -> None:
    listed = [*live_settings(), *RESTART]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {named(section, name) for section, name in settings()}


def test_each_restart_has_a_reason() -> None:
    assert all(RESTART.values())


def test_what_differs_is_named() -> None:
    before = Config()
    after = Config.model_validate(
        {
            "workers": [{"url": "http://a"}],
            "queue": {"max_waiting": 5},
            "tenants": {"known": [{"name": "a", "api_key": "k"}]},
        }
    )
    assert differing(before, after) == ["workers", "queue.max_waiting", "tenants.known"]
    assert differing(after, after.model_copy(deep=True)) == []


def test_another_key_alone_is_a_difference() -> None:
    one, other = (
        Config.model_validate({"tenants": {"known": [{"name": "a", "api_key": key}]}})
        for key in ("first", "second")
    )
    assert differing(one, other) == ["tenants.known"]


def test_what_needs_a_restart_keeps_its_value() -> None:
    before = Config()
    after = Config.model_validate(
        {"listen": {"port": 81, "max_headers": 20, "host": "0.0.0.0"}, "learning": {"folder": "/x"}}
    )
    mixed = merged(before, after)
    assert (mixed.listen.port, mixed.listen.host) == (8080, "127.0.0.1")
    assert mixed.listen.max_headers == 20
    assert mixed.learning.folder is None
    assert differing(mixed, after) == ["listen.host", "listen.port", "learning.folder"]


def test_operators_can_read_what_needs_a_restart() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    section = readme.partition("**Change the configuration while it runs.**")[2]
    named_there = set(re.findall(r"`([a-z]+\.[a-z_]+)`", section.partition("\n\n")[0]))
    assert set(RESTART) <= named_there
    assert not named_there & set(live_settings())
