"""Raw forecasts become distributions with the stated quantiles."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from predictor.raw_forecast import (
    ATOMS,
    CAP_TOKENS,
    LEVELS,
    MOST_TOKENS,
    QUANTILES,
    RawForecasts,
)


def forecasts(*locations: float, scale: float = 0.5, endless: float = 0.01) -> RawForecasts:
    size = len(locations)
    return RawForecasts(
        location=np.array(locations),
        scale=np.full(size, scale),
        shape=np.tile(norm.ppf(LEVELS), (size, 1)),
        endless=np.full(size, endless),
        inputs=np.zeros((size, 1)),
    )


def test_the_distribution_has_the_quantiles_and_the_endless_answers_of_the_forecast() -> None:
    (length,) = forecasts(5.0).distributions([None])
    assert len(length.tokens) == ATOMS
    assert length.tokens[-1] == CAP_TOKENS
    assert length.mass[-1] == pytest.approx(0.01)
    for level in QUANTILES[:-1]:
        expected = np.exp(5.0 + 0.5 * norm.ppf(level))
        assert length.quantile(0.99 * level) == pytest.approx(expected), level


def test_atoms_of_equal_length_are_merged() -> None:
    short, long = forecasts(-1.0, 20.0).distributions([None, None])
    assert short.tokens[0] == 1.0
    assert long.tokens == pytest.approx((MOST_TOKENS,))
    for length in (short, long):
        assert len(set(length.tokens)) == len(length.tokens)
        assert sum(length.mass) == pytest.approx(1)


def test_each_forecast_is_truncated_at_its_own_limit() -> None:
    free, cut = forecasts(5.0, 5.0).distributions([None, 100])
    assert cut == free.capped(100)
    assert free.tokens[-1] == CAP_TOKENS


def test_an_answer_of_thirty_thousand_tokens_is_forecast_as_such() -> None:
    (length,) = forecasts(np.log(30_000), endless=0.0).distributions([None])
    assert length.quantile(0.5) == pytest.approx(30_000)
    assert length.quantile(0.9) > 50_000
    assert MOST_TOKENS > 2 * CAP_TOKENS
    # Endless answers are no shorter than the longest of the others.
    (endless,) = forecasts(np.log(30_000)).distributions([None])
    assert endless.tokens[-1] > 60_000


def test_the_scale_without_doubt_stays_with_its_forecast_in_parts_and_joined() -> None:
    known, new = forecasts(5.0), replace(forecasts(5.0, 6.0), plain=np.array([0.2, 0.3]))
    together = RawForecasts.joined([known, new])
    assert together.plain is not None
    assert together.plain.tolist() == [0.5, 0.2, 0.3]
    part = together.rows(slice(1, 3))
    assert part.plain is not None
    assert part.plain.tolist() == [0.2, 0.3]
    assert known.rows(slice(0, 1)).plain is None
    assert RawForecasts.joined([known, known]).plain is None
