"""A claim fails if its ratio is out of bounds, and if its metric was not measured."""

import pytest

from scheduler.records import RequestRecord
from tests.bench.claims import Claim, check
from tests.bench.report import Run


def run(arm: str, seed: int, seconds: float, preemptions: float = 0.0) -> Run:
    done = RequestRecord(
        0.0, first_token=0.5, last_token=seconds, finished=seconds, output_tokens=10
    )
    return Run.measured(arm, seed, [done], preemptions=preemptions)


RUNS = [run("stock", seed, 10.0) for seed in range(3)] + [
    run("fcfs", seed, seconds) for seed, seconds in enumerate((4.0, 5.0, 20.0))
]


def test_the_median_over_the_repeats_is_compared() -> None:
    check(RUNS, [Claim("fcfs", "stock", "mean_e2e", most=0.5)])
    check(RUNS, [Claim("fcfs", "stock", "throughput_tokens", least=2.0)])


def test_every_claim_that_does_not_hold_is_named() -> None:
    with pytest.raises(AssertionError) as failed:
        check(
            RUNS,
            [
                Claim("fcfs", "stock", "mean_e2e", most=0.49),
                Claim("fcfs", "stock", "p99_e2e", most=0.5),
                Claim("fcfs", "stock", "throughput_tokens", least=2.01),
            ],
        )
    assert str(failed.value) == (
        "fcfs / stock mean_e2e is 0.500, 0 to 0.49 expected; "
        "fcfs / stock throughput_tokens is 2.000, 2.01 to inf expected"
    )


@pytest.mark.parametrize(
    "claim",
    [
        Claim("sejf", "stock", "mean_e2e", most=1.0),
        Claim("fcfs", "stock", "preemptions", most=0.25),
    ],
)
def test_a_claim_without_a_measurement_fails(claim: Claim) -> None:
    with pytest.raises(AssertionError, match="not measured"):
        check(RUNS, [claim])
