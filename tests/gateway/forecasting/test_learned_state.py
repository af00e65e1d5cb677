"""The folder in which what was learned outlives a restart."""

from __future__ import annotations

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
