"""The priority that goes to the engine with a request."""

from __future__ import annotations

from scheduler.engine_priority import priority


def test_classes_come_before_keys_in_the_engine_too() -> None:
    assert priority(0, 12.3456) == 12346
    assert priority(-1, 1e9) < priority(0, -1e9) < priority(0, 1e9) < priority(1, -1e9)
    assert -(2**63) <= priority(-100, -1e30) < priority(100, 1e30) < 2**63
