"""The check of the simulator against the real engine judges each error by its own tolerance."""

import pytest

from tests.bench.validity import largest_error, largest_reordered_p99_error
from tests.bench.validity_runs import Comparison


def comparison(policy: str, mean_error: float, p99_error: float) -> Comparison:
    return Comparison(policy, 1.5, 1.0, 1 + mean_error, 4.0, 4 * (1 + p99_error), [1.0])


def test_only_the_p99_of_a_policy_that_reorders_is_judged_apart() -> None:
    comparisons = [comparison("fcfs", -0.02, 0.05), comparison("sejf", -0.08, -0.25)]
    assert largest_error(comparisons) == pytest.approx(0.08)
    assert largest_reordered_p99_error(comparisons) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "wrong", [comparison("fcfs", 0.3, 0), comparison("fcfs", 0, -0.3), comparison("sejf", 0.3, 0)]
)
def test_a_mean_or_a_p99_in_order_of_arrival_counts_in_full(wrong: Comparison) -> None:
    assert largest_error([wrong, comparison("sejf", 0, 0)]) == pytest.approx(0.3)
