"""A port that everybody may use is warned of, once and where it matters."""

from __future__ import annotations

import pytest

from gateway.access.exposure import warn_of_exposure


@pytest.mark.parametrize(
    ("host", "needs_keys", "warned"),
    [
        ("127.0.0.1", False, False),
        ("127.8.0.1", False, False),
        ("::1", False, False),
        ("localhost", False, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("10.0.0.5", False, True),
        ("gpu-1", False, True),
        ("0.0.0.0", True, False),
    ],
)
def test_a_start_beyond_this_machine_without_keys_warns_in_one_line(
    caplog: pytest.LogCaptureFixture, host: str, needs_keys: bool, warned: bool
) -> None:
    warn_of_exposure(host, needs_keys=needs_keys)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    assert ("lengthwise keys add" in caplog.text) is warned
