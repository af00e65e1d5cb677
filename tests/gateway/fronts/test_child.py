"""A front takes what the gateway started with, and refuses what the gateway's start refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.fronts.handoff import Handoff
from gateway.fronts.share import as_front
from gateway.fronts.started import as_started, keep_started
from gateway.live_config.changes import differing
from tests.gateway.fronts.test_share import config


def test_a_front_that_starts_again_begins_as_the_gateway_did(tmp_path: Path) -> None:
    begun = config(predictor={"enabled": True}, usage={"file": "/x/usage.sqlite"})
    keep_started(tmp_path, begun)
    changed = config(predictor={"enabled": False}, queue={"timeout_s": 5})
    again = as_started(tmp_path, changed)
    assert differing(begun, again) == ["queue.timeout_s"]
    assert differing(again, changed) == ["predictor.enabled", "usage.file"]


def test_a_reload_refuses_what_the_start_refuses(tmp_path: Path) -> None:
    handoff = Handoff(0, 3, str(tmp_path), (), 6)
    as_front(config(3, requests={"max_bodies_bytes": 2**30}), handoff)
    for refused in (
        {"listen": {"max_connections_per_address": 5}},
        {"requests": {"max_bodies_bytes": 2**28}},
    ):
        with pytest.raises(ConfigError):
            as_front(config(3, **refused), handoff)
