"""Runs of a study and of an experiment: what the arms share, and what each seed draws anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.experiment import Experiment
from gateway.simulate.inputs.source import RequestSource
from gateway.simulate.length_classes import LengthClasses
from gateway.simulate.study import Study, cut_at_context
from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm
from scheduler.sim.request import Request


def request(index: int, rng: Random) -> Request:
    tokens = 10 * (index + 1)
    return Request(5, tokens, LengthDistribution.point(tokens))


SOURCE = RequestSource("thirty requests", 30, request, times=[0.5 * n for n in range(30)])
SETUP = EngineSetup(max_num_seqs=4)


def experiment(arrivals: ArrivalProcess, loads: Sequence[float | None], seeds: int) -> Experiment:
    return Experiment(
        source=SOURCE,
        setup=SETUP,
        arrivals=arrivals,
        arms=[Arm("stock"), Arm("fcfs")],
        loads=loads,
        seeds=range(seeds),
        count=30,
    )


def test_arms_share_requests_and_arrivals_and_seeds_do_not() -> None:
    rows = list(experiment(ArrivalProcess(), [1.0], 2).rows())
    by_seed = [[row for row in rows if row["seed"] == seed] for seed in (0, 1)]
    for stock, fcfs in by_seed:
        assert stock["mean_e2e"] == fcfs["mean_e2e"], "ample KV memory: the gateway delays nobody"
    assert by_seed[0][0]["mean_e2e"] != by_seed[1][0]["mean_e2e"]


def test_each_seed_draws_other_arrivals() -> None:
    assert ArrivalProcess().draw(9, 1.0, 0) != ArrivalProcess().draw(9, 1.0, 1)
    bursts = ArrivalProcess("gamma", cv=3.0)
    assert bursts.draw(9, 1.0, 0) != ArrivalProcess("gamma", cv=1.5).draw(9, 1.0, 0)


def test_another_rate_stretches_the_same_arrivals() -> None:
    slow, fast = (ArrivalProcess().draw(9, rate, 3) for rate in (1.0, 2.0))
    assert slow == pytest.approx([2 * time for time in fast])


def test_the_rate_is_the_load_times_the_capacity() -> None:
    study = Study(SETUP, lambda seed: SOURCE.draw(30, seed))
    row = study.row(Arm("stock"), 0.5, 0)
    assert row["rate"] == pytest.approx(0.5 * study.capacity(0))


def test_the_own_load_is_the_recorded_rate_over_the_capacity() -> None:
    recorded = ArrivalProcess("own", times=SOURCE.times, own=True)
    rows = list(experiment(recorded, [None], 2).rows())
    assert {row["asked_load"] for row in rows} == {"own"}
    assert all(row["rate"] == pytest.approx(2.0) for row in rows)


def test_an_answer_is_cut_where_the_context_ends() -> None:
    long = request(29, Random(0))
    cut = cut_at_context(long, 105)
    assert (cut.output_tokens, cut.length.mean) == (100, 100)
    assert cut_at_context(long, 305) == long


def test_the_share_of_streamed_answers_is_drawn_by_seed() -> None:
    half = replace(experiment(ArrivalProcess(), [1.0], 1), streamed=0.5)
    streamed = [one.streamed for one in half.draw(0)]
    assert 5 < sum(streamed) < 25
    assert streamed == [one.streamed for one in half.draw(0)]
    assert all(one.streamed for one in experiment(ArrivalProcess(), [1.0], 1).draw(0))


def test_length_classes_take_the_load_nearest_to_1_and_split_the_requests_in_three() -> None:
    mixed = experiment(ArrivalProcess(), [0.5, 1.1, 2.0], 1)
    classes = LengthClasses(mixed)
    rows = list(mixed.rows(classes.add))
    assert len(rows) == 6
    assert classes.load == 1.1
    assert [title.split(":")[0] for title in classes.latencies] == ["Short", "Medium", "Long"]
    sizes = [len(by_policy["stock"]) for by_policy in classes.latencies.values()]
    assert sizes == [11, 10, 9], "the bounds belong to the shorter class"
    short, _, long = (max(by_policy["stock"]) for by_policy in classes.latencies.values())
    assert short < long
