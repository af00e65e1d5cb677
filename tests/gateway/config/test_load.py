"""What is accepted as a configuration."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from gateway.config.load import load_config
from gateway.config.scheduling import Scheduling
from gateway.config.settings import Config
from scheduler.policy import POLICIES
from tests.gateway.config.loading import Load


def test_without_a_file_every_setting_has_its_default() -> None:
    assert load_config(None, env={}) == Config()


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
def test_an_empty_file_leaves_the_defaults(load: Load, text: str) -> None:
    assert load(text) == Config()


def test_a_file_changes_what_it_names_and_nothing_else(load: Load) -> None:
    config = load("queue:\n  max_waiting: 7\nscheduling: {policy: fcfs}\n")
    assert (config.queue.max_waiting, config.scheduling.policy) == (7, "fcfs")
    assert config.queue.timeout_s == Config().queue.timeout_s
    assert config.listen == Config().listen


def test_workers_keep_their_order_and_their_settings(load: Load) -> None:
    config = load(
        "workers:\n"
        "  - url: http://gpu-1:8000\n"
        "    max_num_seqs: 64\n"
        "  - {url: 'https://gpu-2', kv_tokens: 5000}\n"
    )
    assert [str(w.url) for w in config.workers] == ["http://gpu-1:8000/", "https://gpu-2/"]
    assert [w.max_num_seqs for w in config.workers] == [64, None]
    assert [w.kv_tokens for w in config.workers] == [None, 5000]


def test_the_configuration_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().listen.port = 1  # type: ignore[misc]


def test_every_policy_can_be_configured_and_no_other() -> None:
    assert set(get_args(Scheduling.model_fields["policy"].annotation)) == set(POLICIES)


def test_every_setting_is_documented() -> None:
    undocumented = [
        f"{section}.{name}"
        for section, group in Config.model_fields.items()
        if section != "workers"
        for name, field in type(group.default).model_fields.items()
        if not field.description and (section, name) != ("listen", "host")
    ]
    assert undocumented == []


@pytest.mark.parametrize("text", ["listen:\n", "workers:\nlisten:\n  # port: 1\n"])
def test_a_section_with_nothing_in_it_keeps_its_defaults(load: Load, text: str) -> None:
    assert load(text) == Config()
    assert load(text, {"LENGTHWISE_LISTEN_PORT": "81"}).listen.port == 81


def test_a_setting_overrides_one_that_is_merged(load: Load) -> None:
    text = "workers:\n- &one {url: 'http://a', speed: 2}\n- {<<: *one, url: 'http://b'}\n"
    assert [worker.speed for worker in load(text).workers] == [2, 2]
    assert [worker.url.host for worker in load(text).workers] == ["a", "b"]
