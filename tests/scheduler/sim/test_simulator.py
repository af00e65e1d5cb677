"""The simulator: times, conservation of requests and tokens, and the differences of the arms."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.length import LengthDistribution
from scheduler.sim.arms import NAMES, Arm, Server
from scheduler.sim.arrivals import poisson
from scheduler.sim.capacity import capacity
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.measures import quantile, run_statistics
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate

SECOND = StepCosts(base=1.0, per_sequence=0.0, per_kv_token=0.0, per_prefill_token=0.0)


def server(slots: int = 1, blocks: int = 1000) -> Server:
    """An engine whose steps take one second each."""
    return Server(EngineConfig(max_num_seqs=slots, num_blocks=blocks, block_size=16), SECOND)


def request(
    output: int, prompt: int = 10, forecast: float | None = None, model: str = ""
) -> Request:
    return Request(prompt, output, LengthDistribution.point(forecast or max(1, output)), model)


def test_a_request_alone_takes_a_step_for_each_token() -> None:
    outcome = simulate([request(5)], [2.0], [server()], Arm("fcfs"))
    (record,) = outcome.records
    assert (record.dispatched, record.first_token, record.finished) == (2.0, 3.0, 7.0)
    assert (record.ttft, record.e2e, record.output_tokens) == (1.0, 5.0, 5)
    assert (outcome.generated, outcome.steps, outcome.max_wait) == (5, 5, 0.0)


def test_engines_are_busy_while_they_step_and_slower_engines_longer() -> None:
    slow = Server(EngineConfig(max_num_seqs=1, num_blocks=1000, block_size=16), SECOND.scaled(2.0))
    for engine, busy in ((server(), 8.0), (slow, 16.0)):
        outcome = simulate([request(5), request(3)], [0.0, 50.0], [engine], Arm("fcfs"))
        assert outcome.busy == busy
        assert outcome.duration == 50.0 + 3 * busy / 8


def test_a_request_that_arrives_during_a_step_waits_for_its_end() -> None:
    outcome = simulate([request(3), request(1)], [0.0, 0.5], [server(2)], Arm("stock"))
    assert outcome.records[1].first_token == 2.0
    assert outcome.max_wait == 0.5


def test_the_shortest_forecast_goes_first_and_fcfs_keeps_the_order() -> None:
    requests = [request(3), request(9), request(2)]
    for policy, expected in (("fcfs", [3.0, 12.0, 14.0]), ("sejf", [3.0, 14.0, 5.0])):
        arm = Arm(policy, engine_queue=0)
        outcome = simulate(requests, [0.0, 0.1, 0.2], [server()], arm)
        assert [record.finished for record in outcome.records] == expected


def test_only_the_oracle_knows_the_true_lengths() -> None:
    requests = [request(3), request(9, forecast=1), request(2, forecast=100)]
    for policy, first in (("sejf", 1), ("oracle", 2)):
        arm = Arm(policy, engine_queue=0)
        outcome = simulate(requests, [0.0, 0.1, 0.2], [server()], arm)
        assert outcome.records[first].dispatched == 3.0


@dataclass
class Journal:
    """A forecaster that writes down its calls; waiting requests get ``refined`` tokens."""

    refined: float | None = None
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def forecast(self, job_id: str, request: Request) -> LengthDistribution:
        self.calls.append(("forecast", job_id, request.number))
        return LengthDistribution.point(request.output_tokens)

    def refine(self, job_id: str) -> LengthDistribution | None:
        self.calls.append(("refine", job_id))
        return None if self.refined is None else LengthDistribution.point(self.refined)

    def learn(self, job_id: str, tokens: int, *, censored: bool) -> None:
        self.calls.append(("learn", job_id, tokens, censored))


def test_a_forecaster_learns_at_each_end_what_later_arrivals_may_know() -> None:
    requests = [replace(request(3), number=7), replace(request(5), cut=True), request(1)]
    journal = Journal()
    simulate(requests, [0.0, 0.5, 4.0], [server(slots=9)], Arm("fcfs"), journal)
    assert journal.calls == [
        ("forecast", "0", 7),
        ("forecast", "1", 0),
        ("learn", "0", 3, False),
        ("forecast", "2", 0),
        ("learn", "2", 1, False),
        ("learn", "1", 5, True),
    ]


def test_only_requests_that_wait_are_forecast_again_and_move_in_the_queue() -> None:
    requests = [request(3), request(5), request(4)]
    journal = Journal(refined=2.0)
    arm = Arm("sept", ageing=0.0, engine_queue=0)
    outcome = simulate(requests, [0.0, 0.1, 0.2], [server()], arm, journal)
    assert [call[1] for call in journal.calls if call[0] == "refine"] == ["1", "2"]
    assert [record.finished for record in outcome.records] == [3.0, 8.0, 12.0], "both count as 2"


@pytest.mark.parametrize("policy", ["stock", "oracle"])
def test_stock_and_the_oracle_ask_for_no_forecast(policy: str) -> None:
    journal = Journal()
    simulate([request(3)], [0.0], [server()], Arm(policy), journal)
    assert not journal.calls


def test_a_forecast_ends_where_the_context_ends() -> None:
    engine = Server(EngineConfig(max_num_seqs=9, num_blocks=75, max_model_len=1000), SECOND)
    long = [request(10, prompt=300, forecast=5000)] * 2
    outcome = simulate(long, [0.0, 0.0], [engine], Arm("fcfs", full_caution=0.0))
    assert [record.dispatched for record in outcome.records] == [0.0, 10.0]


def test_latency_leaves_the_slot_empty_unless_the_engine_queue_holds_a_request() -> None:
    requests = [request(2), request(2), request(2)]
    for queue, expected in ((0, [2.5, 5.0, 7.5]), (1, [2.5, 4.5, 6.5])):
        arm = Arm("fcfs", engine_queue=queue, latency=0.5)
        outcome = simulate(requests, [0.0] * 3, [server()], arm)
        assert [record.finished for record in outcome.records] == expected


def test_stock_sends_requests_to_the_engines_in_rotation() -> None:
    outcome = simulate([request(4)] * 4, [0.0] * 4, [server(), server()], Arm("stock"))
    assert [record.finished for record in outcome.records] == [4.0, 4.0, 8.0, 8.0]


def test_a_request_that_fits_no_engine_is_dropped_and_counted() -> None:
    small = server(blocks=4)
    outcome = simulate([request(100), request(5)], [0.0, 0.0], [small], Arm("fcfs"))
    assert outcome.dropped == 1
    assert outcome.records[0].finished is None
    assert run_statistics(outcome)["requests"] == 1


def test_a_request_that_fits_only_some_engines_is_dropped() -> None:
    outcome = simulate([request(100)], [0.0], [server(), server(blocks=4)], Arm("fcfs"))
    assert outcome.dropped == 1


@pytest.mark.parametrize(("priority", "expected"), [(True, [21, 31, 23]), (False, [21, 29, 31])])
def test_the_engine_orders_its_own_queue_by_the_key_only_under_priority(
    priority: bool, expected: list[float]
) -> None:
    requests = [request(21), request(8), request(2)]
    arm = Arm("sept", engine_queue=2, priority=priority)
    outcome = simulate(requests, [0.0, 0.1, 0.2], [server()], arm)
    assert [record.finished for record in outcome.records] == expected


def test_reports_of_progress_let_the_next_request_in() -> None:
    requests = [request(330, prompt=700, forecast=300), request(4, prompt=100, forecast=400)]
    arm = Arm("fcfs", full_caution=0)
    outcome = simulate(requests, [0.0, 0.5], [server(slots=9, blocks=80)], arm)
    assert outcome.records[1].dispatched == 112.0, "at the seventh report"


def test_progress_of_answers_that_are_not_streamed_is_estimated_by_their_worker_s_pace() -> None:
    # The first request shows the pace: a token a second. The second one's end is then near enough
    # for the third at about the time at which reports would have shown it.
    long = [request(330, prompt=700, forecast=300), request(4, prompt=100, forecast=400)]
    dispatched = {}
    for streamed in (True, False):
        requests = [replace(r, streamed=streamed) for r in [request(40), *long]]
        arm = Arm("fcfs", full_caution=0)
        engine = server(slots=9, blocks=80)
        outcome = simulate(requests, [0.0, 50.0, 50.5], [engine], arm)
        dispatched[streamed] = outcome.records[2].dispatched
    assert dispatched[True] == 50.0 + 112.0
    assert dispatched[False] == pytest.approx(50.0 + 112.0, abs=20)


def test_reports_of_the_kv_use_correct_the_count_by_which_requests_are_let_in() -> None:
    # Ten blocks of 16 tokens hold ten of these requests; counted is half a block for each.
    engine = server(slots=64, blocks=10)
    later = {}
    for every in (math.inf, 3.0):
        arm = Arm("fcfs", kv_report_s=every)
        outcome = simulate([request(12, prompt=1)] * 40, [0.0] * 40, [engine], arm)
        later[every] = sum(record.dispatched == 12.0 for record in outcome.records)
        assert len(outcome.ended) == 40
    assert later == {math.inf: 10, 3.0: 9}


def test_service_times_set_the_length_of_a_turn() -> None:
    warm_up = [request(1)] * 200
    requests = [*warm_up, request(20), request(20), request(2)]
    arrivals = [*map(float, range(200)), 300.0, 301.0, 311.0]
    arm = Arm("sept", ageing=1.0, engine_queue=0)
    outcome = simulate(requests, arrivals, [server()], arm)
    # 10 s are one turn of 10 s, worth one e-fold: the short request would go first. Measured, the
    # turn is under 2 s.
    assert [record.finished for record in outcome.records[200:]] == [320.0, 340.0, 342.0]


def test_load_one_is_the_rate_with_all_requests_present() -> None:
    assert capacity([request(10)] * 100, [server(slots=5)]) == pytest.approx(0.5)
    assert capacity([request(10)] * 100, [server(slots=5)] * 2) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="too small"):
        capacity([request(100)], [server(blocks=1)])
    with pytest.raises(ValueError, match="take no time"):
        capacity([request(1)], [Server(EngineConfig(), StepCosts(0.0, 0.0, 0.0, 0.0))])


def test_the_rate_of_load_one_ignores_the_last_tenth_of_the_requests() -> None:
    requests = [request(10)] * 9 + [request(100)]
    assert capacity(requests, [server(slots=10)]) == pytest.approx(9 / 10)


def test_the_statistics_follow_from_the_records() -> None:
    outcome = simulate([request(4), request(2)], [0.0, 0.0], [server()], Arm("fcfs"))
    statistics = run_statistics(outcome)
    assert statistics["mean_e2e"] == pytest.approx((4 + 6) / 2)
    assert statistics["mean_normalised_latency"] == pytest.approx((1 + 3) / 2)
    assert statistics["throughput_tokens"] == pytest.approx(1.0)
    assert statistics["max_wait"] == 4.0
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0


def test_sustained_throughput_ends_with_the_last_arrival() -> None:
    outcome = simulate([request(6), request(6)], [0.0, 4.0], [server()], Arm("fcfs"))
    statistics = run_statistics(outcome)
    assert statistics["throughput_tokens"] == pytest.approx(12 / 12)
    assert statistics["throughput_sustained"] == pytest.approx(4 / 4)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(
        st.tuples(st.integers(1, 60), st.integers(0, 60), st.integers(1, 80)), min_size=1
    ),
    policy=st.sampled_from(NAMES),
    slots=st.integers(1, 6),
    blocks=st.integers(8, 20),
    workers=st.integers(1, 3),
    priority=st.booleans(),
    latency=st.sampled_from([0.0, 0.3]),
    rate=st.sampled_from([0.02, 0.2, 5.0]),
)
def test_every_request_ends_exactly_once_with_all_its_tokens(
    *,
    sizes: list[tuple[int, int, int]],
    policy: str,
    slots: int,
    blocks: int,
    workers: int,
    priority: bool,
    latency: float,
    rate: float,
) -> None:
    requests = [request(output, prompt, forecast) for prompt, output, forecast in sizes]
    servers = [server(slots, blocks)] * workers
    arrivals = poisson(len(requests), rate, random.Random(0))
    outcome = simulate(requests, arrivals, servers, Arm(policy, priority=priority, latency=latency))
    assert outcome.dropped == 0
    assert len(outcome.ended) == len(requests)
    assert outcome.generated == sum(output for _, output, _ in sizes)
    for record, sent in zip(outcome.records, requests, strict=True):
        assert record.arrival <= (record.dispatched or 0)
        assert record.finished is not None
        assert record.finished >= (record.first_token or 0)
        assert (record.first_token is not None) == (sent.output_tokens > 0)
        assert record.e2e is not None
        assert record.e2e >= sent.output_tokens - 1e-6
    assert outcome.duration == max(record.finished or 0 for record in outcome.records)
