"""What a job is expected to hold of the KV cache."""

from __future__ import annotations

import pytest

from scheduler.length import LengthDistribution
from tests.scheduler.builders import job


def test_a_job_holds_its_prompt_and_half_of_what_it_still_has_to_write() -> None:
    assert job("a", prompt=10, tokens=100).kv_tokens == 10 + 50


def test_the_tokens_it_has_written_it_holds_in_full() -> None:
    half_way = job("a", prompt=10, tokens=100)
    half_way.attained = 40
    assert half_way.kv_tokens == 10 + 40 + 30


def test_every_sequence_writes_but_the_prompt_is_held_once() -> None:
    assert job("a", prompt=10, tokens=100, sequences=3).kv_tokens == 10 + 3 * 50


def test_an_answer_that_outlives_its_short_modes_is_expected_to_be_long() -> None:
    bimodal = job("a", prompt=0, tokens=LengthDistribution((10, 1000), (0.9, 0.1)))
    assert bimodal.kv_tokens == pytest.approx(109 / 2)
    bimodal.attained = 10
    assert bimodal.kv_tokens == pytest.approx(10 + 990 / 2)


def test_an_answer_longer_than_forecast_is_expected_to_end_with_the_next_token() -> None:
    late = job("a", prompt=10, tokens=100)
    late.attained = 500
    assert late.kv_tokens == 10 + 500 + 0.5
