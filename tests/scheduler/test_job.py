"""The tokens that a job is expected to write."""

from __future__ import annotations

import pytest

from scheduler.length import LengthDistribution
from tests.scheduler.builders import job


def test_the_expected_tokens_sum_over_the_sequences() -> None:
    assert job("a", tokens=100, sequences=3).expected_tokens == 300


def test_the_remaining_tokens_exclude_the_attained_ones() -> None:
    half_way = job("a", tokens=100, sequences=2)
    half_way.attained = 40
    assert half_way.remaining_tokens == 2 * 60


def test_an_answer_longer_than_its_short_modes_is_expected_to_be_long() -> None:
    bimodal = job("a", tokens=LengthDistribution((10, 1000), (0.9, 0.1)))
    assert bimodal.remaining_tokens == pytest.approx(109)
    bimodal.attained = 10
    assert bimodal.remaining_tokens == pytest.approx(990)


def test_an_answer_longer_than_forecast_is_expected_to_end_with_the_next_token() -> None:
    late = job("a", tokens=100)
    late.attained = 500
    assert late.remaining_tokens == 1
