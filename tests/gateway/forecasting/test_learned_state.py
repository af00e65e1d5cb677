"""The folder in which what was learned outlives a restart."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.config.forecasting import Learning
from gateway.forecasting.learned_state import LearnedState, LearningError


def test_two_gateways_may_not_write_to_one_folder(tmp_path: Path) -> None:
    first = LearnedState.open(Learning(folder=tmp_path))
    with pytest.raises(LearningError, match=str(tmp_path)):
        LearnedState.open(Learning(folder=tmp_path))
    first.close()
    LearnedState.open(Learning(folder=tmp_path)).close()


def test_a_crash_does_not_change_the_salt_and_so_no_pseudonym(tmp_path: Path) -> None:
    crashed = LearnedState.open(Learning(folder=tmp_path))
    assert crashed.log is not None
    crashed.log.close()  # and nothing else is written down
    again = LearnedState.open(Learning(folder=tmp_path))
    assert again.adaptive.salt == crashed.adaptive.salt
    again.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LearningError, match=r"learning\.folder: .*file"):
        LearnedState.open(Learning(folder=tmp_path / "file" / "learned"))


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows in the block. Only the code under test may write there, not pytest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_costs_records_and_is_counted(tmp_path: Path) -> None:
    learned = LearnedState.open(Learning(folder=tmp_path))
    with full_disk():
        learned.close()
    assert learned.write_failures == 1


def test_a_disk_that_is_full_at_the_start_does_not_keep_the_gateway_from_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with full_disk():
        learned = LearnedState.open(Learning(folder=tmp_path))
        learned.close()
    assert learned.log is None
    assert "nothing is recorded until a restart" in caplog.text
    assert learned.write_failures == 1
