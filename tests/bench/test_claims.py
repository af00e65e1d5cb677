"""A claim that does not hold fails, and so does one that nothing was measured for."""

import pytest

from scheduler.records import RequestRecord
from tests.bench.claims import Claim, check
from tests.bench.report import Run


def run(arm: str, seed: int, seconds: float, preemptions: float = 0.0) -> Run:
    done = RequestRecord(
        0.0, first_token=0.5, last_token=seconds, finished=seconds, output_tokens=10
    )
    return Run.of(arm, seed, [done], preemptions=preemptions)


RUNS = [run("direct", seed, 10.0) for seed in range(3)] + [
    run("fcfs", seed, seconds) for seed, seconds in enumerate((4.0, 5.0, 20.0))
]


def test_the_median_over_the_repeats_counts() -> None:
    check(RUNS, [Claim("fcfs", "direct", "mean_e2e", most=0.5)])
    check(RUNS, [Claim("fcfs", "direct", "throughput_tokens", least=2.0)])


def test_all_that_do_not_hold_are_named() -> None:
    with pytest.raises(AssertionError) as failed:
        check(
            RUNS,
            [
                Claim("fcfs", "direct", "mean_e2e", most=0.49),
                Claim("fcfs", "direct", "p99_e2e", most=0.5),
                Claim("fcfs", "direct", "throughput_tokens", least=2.01),
            ],
        )
    assert str(failed.value) == (
        "fcfs / direct mean_e2e is 0.500, 0 to 0.49 expected; "
        "fcfs / direct throughput_tokens is 2.000, 2.01 to inf expected"
    )


@pytest.mark.parametrize(
    "claim",
    [
        Claim("sejf", "direct", "mean_e2e", most=1.0),
        Claim("fcfs", "direct", "preemptions", most=0.25),
    ],
)
def test_nothing_measured_shows_nothing(claim: Claim) -> None:
    with pytest.raises(AssertionError, match="not measured"):
        check(RUNS, [claim])
