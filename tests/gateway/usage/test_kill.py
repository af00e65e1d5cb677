"""A real `lengthwise serve` that is killed: `python -m tests.chaos.usage_kill` in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.usage_kill import killed


@pytest.mark.timeout(120)  # two starts of a gateway on a busy machine
async def test_whatever_end_a_client_got_is_counted_after_a_kill(tmp_path: Path) -> None:
    run = await killed(tmp_path, requests=300, connections=16, seed=1)
    assert run.requests > 50
    assert not run.missing
    assert run.after_start == run.after_kill
    assert sum(run.beyond.values()) == 0 or run.cut
