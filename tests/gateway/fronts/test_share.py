"""What several fronts cannot keep together is refused; what they can is shared out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.config.errors import ConfigError
from gateway.config.settings import Config
from gateway.fronts.handoff import Handoff
from gateway.fronts.share import as_front, check

WORKERS = [{"url": "http://127.0.0.1:8000"}]


def config(fronts: int = 2, **sections: Any) -> Config:
    listen = {"fronts": fronts, **sections.pop("listen", {})}
    return Config.model_validate({"workers": WORKERS, "listen": listen, **sections})


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"workers": []}, "workers: none is given, and 3 fronts"),
        ({"listen": {"max_connections_per_address": 5}}, "listen.max_connections_per_address"),
        ({"learning": {"folder": "learned"}}, "learning.folder: 3 fronts"),
        ({"shadow": {"enabled": "on"}}, "shadow.enabled"),
        ({"requests": {"max_bodies_bytes": 2**28}}, "Raise the first to 402653184"),
        ({"requests": {"max_answers_bytes": 2**27}}, "Raise the first to 201326592"),
    ],
)
def test_a_setting_that_fronts_cannot_keep_together_is_refused_by_name(
    sections: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        check(config(3, **sections), None)


def test_a_model_to_be_started_is_refused() -> None:
    with pytest.raises(ConfigError, match="--model: 2 fronts start no vLLM"):
        check(config(), "a/model")


def test_the_defaults_can_be_kept_by_two_and_by_four() -> None:
    for fronts in (2, 4):
        check(config(fronts), None)


def test_the_shares_of_all_fronts_come_to_the_bound() -> None:
    whole = config(
        fronts=3,
        listen={"max_connections": 300},
        requests={"max_bodies_bytes": 3 * 2**28, "retries_per_s": 9},
        usage={"file": "/var/lib/usage.sqlite", "max_keys": 30},
        access={"failures_per_min": 30},
        admin={"listen": "127.0.0.1:9090", "token": "t" * 16},
    )
    shares = [as_front(whole, Handoff(index, 3, "/run/x", (5,), 6)) for index in range(3)]
    assert sum(one.listen.max_connections or 0 for one in shares) == 300
    assert sum(one.requests.max_bodies_bytes for one in shares) == 3 * 2**28
    assert sum(one.requests.retries_per_s for one in shares) == 9
    assert sum(one.access.failures_per_min for one in shares) == 30
    assert sum(one.usage.max_keys for one in shares) == 30
    files = [one.usage.file for one in shares]
    folder = Path("/var/lib")
    assert files == [folder / f"usage.sqlite{end}" for end in ("", ".front-2", ".front-3")]
    # The token is the parent's to ask for, who comes to a front by its private socket.
    assert not any(one.admin.dashboard or one.admin.token for one in shares)
    assert {one.shadow.enabled for one in shares} == {"off"}
    assert shares[0].queue == whole.queue  # the scheduler's process keeps it for all


def test_one_front_is_refused_no_more_than_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--fronts", "many"]) == 2
    assert "--fronts" in capsys.readouterr().err
    assert main(["serve", "--fronts", "2"]) == 2
    assert "2 fronts" in capsys.readouterr().err
