"""LengthDistribution, against sums over its atoms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.length import LengthDistribution
from tests.scheduler.builders import distributions, survival

LEVELS = st.floats(0, 1)
COUNTS = st.integers(0, 25_000)
SAMPLES = st.lists(st.integers(1, 5000), min_size=1, max_size=300)


def atoms(d: LengthDistribution) -> list[tuple[float, float]]:
    return list(zip(d.tokens, d.mass, strict=True))


def probability_up_to(d: LengthDistribution, tokens: float) -> float:
    return math.fsum(m for t, m in atoms(d) if t <= tokens)


def share_up_to(samples: Sequence[float], tokens: float) -> float:
    return sum(s <= tokens for s in samples) / len(samples)


@given(distributions())
def test_the_moments_are_sums_over_the_atoms(d: LengthDistribution) -> None:
    assert d.mean == pytest.approx(math.fsum(t * m for t, m in atoms(d)))
    assert d.second_moment == pytest.approx(math.fsum(t * t * m for t, m in atoms(d)))


def test_the_geometric_mean_is_the_root_of_the_product() -> None:
    assert LengthDistribution.from_samples([4, 9]).geometric_mean == pytest.approx(6)
    assert LengthDistribution.from_samples([1, 10, 100]).geometric_mean == pytest.approx(10)
    assert LengthDistribution((0.5, 8), (0.5, 0.5)).geometric_mean == pytest.approx(8**0.5)


@given(distributions(), LEVELS)
def test_a_quantile_is_the_first_atom_whose_cumulative_probability_reaches_the_level(
    d: LengthDistribution, level: float
) -> None:
    found = d.quantile(level)
    assert probability_up_to(d, found) >= level - 1e-6
    assert all(probability_up_to(d, t) < level for t in d.tokens if t < found)


@given(distributions())
def test_each_atom_is_the_quantile_of_its_own_cumulative_probability(
    d: LengthDistribution,
) -> None:
    assert all(d.quantile(probability_up_to(d, t)) == t for t in d.tokens)


@given(distributions(), LEVELS, LEVELS)
def test_quantiles_rise_with_the_level(d: LengthDistribution, a: float, b: float) -> None:
    assert d.quantile(min(a, b)) <= d.quantile(max(a, b))


@given(distributions())
def test_the_extreme_quantiles_are_the_first_and_the_last_atom(d: LengthDistribution) -> None:
    assert (d.quantile(0), d.quantile(1)) == (d.tokens[0], d.tokens[-1])


@given(distributions(), st.integers(1, 25_000))
def test_capped_is_the_distribution_of_the_smaller_of_length_and_limit(
    d: LengthDistribution, limit: int
) -> None:
    capped = d.capped(limit)
    assert capped.tokens[-1] <= limit
    assert capped.mean == pytest.approx(math.fsum(min(t, limit) * m for t, m in atoms(d)))
    for tokens in (0, limit / 2, limit - 1, limit):
        expected = survival(d, tokens) if tokens < limit else 0
        assert survival(capped, tokens) == pytest.approx(expected, abs=1e-9)


@given(distributions(), st.integers(1, 25_000), st.integers(1, 25_000))
def test_two_caps_equal_the_lower_cap(d: LengthDistribution, a: int, b: int) -> None:
    twice, once = d.capped(a).capped(b), d.capped(min(a, b))
    assert twice.tokens == once.tokens
    assert twice.mass == pytest.approx(once.mass)


@pytest.mark.parametrize("limit", [0, -5, 0.5])
def test_a_cap_below_one_token_leaves_one(limit: float) -> None:
    # The gateway sends even a prompt that fills the context: the worker answers with an error.
    assert LengthDistribution((5, 9), (0.5, 0.5)).capped(limit) == LengthDistribution.point(1)


def test_a_cap_may_be_infinite_or_larger_than_any_float() -> None:
    d = LengthDistribution((5, 9), (0.5, 0.5))
    assert d.capped(math.inf) == d.capped(10**400) == d


@given(distributions(), COUNTS)
def test_the_mean_remaining_is_the_conditional_mean_of_the_tokens_yet_to_come(
    d: LengthDistribution, attained: int
) -> None:
    survived = survival(d, attained)
    if survived == 0:
        assert d.mean_remaining(attained) == 1
        return
    expected = math.fsum((t - attained) * m for t, m in atoms(d) if t > attained) / survived
    assert d.mean_remaining(attained) == pytest.approx(expected)


@given(st.floats(0.5, 1e6))
def test_a_point_is_a_length_known_exactly(tokens: float) -> None:
    d = LengthDistribution.point(tokens)
    assert (d.mean, d.quantile(0.1), survival(d, tokens)) == (tokens, tokens, 0)


@given(SAMPLES)
def test_few_samples_are_kept_as_they_are(samples: list[int]) -> None:
    d = LengthDistribution.from_samples(samples, atoms=len(samples))
    assert d.mean == pytest.approx(math.fsum(samples) / len(samples))
    assert set(d.tokens) == set(samples)


@given(SAMPLES, st.integers(1, 40))
def test_many_samples_are_thinned_to_within_half_an_atom_of_their_distribution(
    samples: list[int], count: int
) -> None:
    d = LengthDistribution.from_samples(samples, atoms=count)
    assert len(d.tokens) <= count
    for tokens in {*samples, *d.tokens}:
        error = probability_up_to(d, tokens) - share_up_to(samples, tokens)
        assert abs(error) <= 0.5 / count + 1e-9


@given(st.permutations([3, 1, 4, 1, 5, 9, 2, 6]))
def test_the_order_of_samples_does_not_matter(samples: list[int]) -> None:
    assert LengthDistribution.from_samples(samples) == LengthDistribution.from_samples(
        iter(sorted(samples))
    )


def test_samples_below_one_token_count_as_one() -> None:
    assert LengthDistribution.from_samples([0, -3, 0.2]) == LengthDistribution.point(1)


def test_samples_must_not_be_empty() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        LengthDistribution.from_samples([])


def test_weights_are_sorted_merged_and_normalised() -> None:
    d = LengthDistribution.weighted([30, 10, 30, 20], [1, 4, 3, 0])
    assert (d.tokens, d.mass) == ((10, 30), (0.5, 0.5))


@given(distributions(), st.floats(1e-3, 1e3))
def test_the_scale_of_weights_does_not_matter(d: LengthDistribution, scale: float) -> None:
    scaled = LengthDistribution.weighted(d.tokens, [m * scale for m in d.mass])
    assert scaled.tokens == d.tokens
    assert scaled.mass == pytest.approx(d.mass)


@pytest.mark.parametrize(
    ("tokens", "weights"),
    [
        ([], []),
        ([1, 2], [0, 0]),
        ([1, 2], [2, -1]),
        ([1, 2], [1]),
        ([1], [math.nan]),
        ([1, 2], [1, math.inf]),
        ([0, 1], [1, 1]),
    ],
)
def test_weights_that_make_no_distribution_are_refused(
    tokens: list[float], weights: list[float]
) -> None:
    with pytest.raises(ValueError, match=r"sum|positive|argument"):
        LengthDistribution.weighted(tokens, weights)


@pytest.mark.parametrize(
    ("tokens", "mass", "complaint"),
    [
        ((), (), "as many tokens as masses"),
        ((1,), (0.5, 0.5), "as many tokens as masses"),
        ((0, 1), (0.5, 0.5), "must be positive"),
        ((-1,), (1,), "must be positive"),
        ((math.nan,), (1,), "must be positive"),
        ((2, 1), (0.5, 0.5), "must increase"),
        ((1, 1), (0.5, 0.5), "must increase"),
        ((1, math.inf), (0.5, 0.5), "finite"),
        ((1, math.nan), (0.5, 0.5), "must increase"),
        ((1, 2), (1.5, -0.5), "sum to 1"),
        ((1, 2), (0.5, 0.4), "sum to 1"),
        ((1,), (math.nan,), "sum to 1"),
    ],
)
def test_atoms_that_form_no_distribution_are_refused(
    tokens: tuple[float, ...], mass: tuple[float, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        LengthDistribution(tokens, mass)


def test_one_infinite_atom_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        LengthDistribution((math.inf,), (1.0,))


def test_an_atom_without_mass_beyond_what_is_attained_is_no_error() -> None:
    d = LengthDistribution((1, 2), (1.0, 0.0))
    assert d.mean_remaining(1) == 1
