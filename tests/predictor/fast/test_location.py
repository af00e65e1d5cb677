"""The part of the location that needs no trees: thinking, and stated priors."""

import numpy as np
import pytest

from predictor.fast.location import damping, toward_prior, with_thinking, without_thinking

ANSWERS = np.log([2.0, 15.0, 300.0, 3000.0])


@pytest.mark.parametrize("effort", [0.1, 0.5, 1.0])
def test_thinking_adds_tokens_and_the_inverse_takes_them_away(effort: float) -> None:
    efforts = np.full(len(ANSWERS), effort)
    total = with_thinking(ANSWERS, efforts)
    assert np.all(np.exp(total) > np.exp(ANSWERS) + 10 * effort**2)
    assert np.all(np.diff(total) > 0)
    assert without_thinking(total, efforts) == pytest.approx(ANSWERS, abs=1e-6)


def test_an_answer_without_thinking_stays_as_it_is() -> None:
    none = np.zeros(len(ANSWERS))
    assert with_thinking(ANSWERS, none) == pytest.approx(ANSWERS)
    assert without_thinking(ANSWERS, none).tolist() == ANSWERS.tolist()


def test_thinking_weighs_more_beside_a_short_answer() -> None:
    factor = with_thinking(ANSWERS, np.ones(len(ANSWERS))) - ANSWERS
    assert np.all(np.diff(factor) < 0)


def test_a_total_shorter_than_any_thinking_leaves_an_empty_answer() -> None:
    assert without_thinking(np.log([5.0]), np.ones(1)) == pytest.approx([0.0], abs=1e-6)


def test_an_absurdly_long_answer_thinks_no_longer_than_a_very_long_one() -> None:
    assert np.isfinite(with_thinking(np.array([700.0]), np.ones(1))).all()


def test_trust_says_how_far_a_forecast_moves_to_the_prior() -> None:
    answer, prior = np.full(4, 6.0), np.array([2.0, 2.0, 2.0, np.nan])
    moved = toward_prior(answer, prior, np.array([0.0, 0.5, 1.0, 0.0]))
    assert moved == pytest.approx([6.0, 4.0, 2.0, 6.0])


def test_the_more_trusted_a_prior_is_the_less_of_a_correction_stays() -> None:
    shares = damping(np.array([0.0, 0.3, 0.6, 1.0]))
    assert shares[0] == 1
    assert np.all(np.diff(shares) < 0)
    assert shares[-1] > 0  # a target is divided by the share
