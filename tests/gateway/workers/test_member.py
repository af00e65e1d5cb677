"""A member of the fleet as the scheduler sees it."""

from __future__ import annotations

import pytest

from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.scheduling.build_scheduler import policy
from gateway.workers.backend import Backend
from gateway.workers.engine_report import EngineReport, parse_report
from gateway.workers.estimates import DEFAULT_SLOTS
from gateway.workers.member import Member
from scheduler.scheduler import Scheduler
from scheduler.worker import Worker
from tests.scheduler.builders import job


def healthy(**configured: int) -> tuple[Scheduler, Member, Worker]:
    """A healthy worker of the model "m" as configured, and its scheduler."""
    member = Member(Backend(WorkerConfig.model_validate({"url": "http://w", **configured})))
    member.backend.models = {"m": {}}
    member.healthy = True
    scheduler = Scheduler(policy(Config()))
    scheduler.set_worker(member.spec(Config().scheduling))
    return scheduler, member, scheduler.workers[member.id]


def test_the_configured_overflow_probability_sets_the_margin() -> None:
    def kept_free(overflow: float) -> float:
        config = Config.model_validate({"scheduling": {"kv_overflow": overflow}})
        member = Member(Backend(WorkerConfig.model_validate({"url": "http://w"})))
        return member.spec(config.scheduling).deviations

    assert kept_free(0.5) == 0
    assert kept_free(0.05) == pytest.approx(1.645, abs=1e-3)


def test_what_the_engine_shares_between_prompts_is_not_counted_twice() -> None:
    scheduler, member, worker = healthy(kv_tokens=10_000)
    for n in range(4):
        scheduler.submit(job(f"j{n}", prompt=1000))
    before = worker.kv_peak
    for n in range(30):
        member.backend.report = EngineReport(
            kv_mean_usage=0.16, prefix_queries=1000.0 * n, prefix_hits=800.0 * n
        )
        member.observe_kv(scheduler)
    assert worker.kv_peak < before - 1500
    scheduler.check()


@pytest.mark.parametrize(("waiting", "corrected"), [(0, True), (3, False), (None, False)])
def test_the_engines_own_use_corrects_the_count_while_no_request_waits_there(
    waiting: int | None, corrected: bool
) -> None:
    scheduler, member, worker = healthy(kv_tokens=10_000)
    scheduler.submit(job("j", prompt=8000))
    assert not worker.fits(job("next", prompt=4000), caution=0.0)
    for _ in range(30):
        member.backend.report = EngineReport(kv_mean_usage=0.2, waiting=waiting)
        member.observe_kv(scheduler)
    assert worker.fits(job("next", prompt=4000), caution=0.0) == corrected


@pytest.mark.parametrize(("usages", "corrected"), [((0.6, 0.0), True), ((0.6, 0.6), False)])
def test_the_use_of_several_engines_is_their_mean_of_the_summed_caches(
    usages: tuple[float, ...], corrected: bool
) -> None:
    # Engines that use 3000 of 10,000 tokens leave room for 5000 more, however full the fullest is.
    scheduler, member, worker = healthy()
    gauges = [f'vllm:kv_cache_usage_perc{{engine="{n}"}} {use}' for n, use in enumerate(usages)]
    caches = [
        f'vllm:cache_config_info{{engine="{n}",kv_cache_size_tokens="5000"}} 1' for n in range(2)
    ]
    waiting = ['vllm:num_requests_waiting{engine="0"} 0']
    member.backend.report = parse_report("\n".join(gauges + caches + waiting))
    scheduler.set_worker(member.spec(Config().scheduling))
    scheduler.submit(job("j", prompt=8000))
    for _ in range(30):
        member.observe_kv(scheduler)
    assert worker.fits(job("next", prompt=5000), caution=0.0) == corrected


@pytest.mark.parametrize(
    ("configured", "slots", "confirmed", "engine_queue"),
    [({}, 1, 0, 1), ({}, 1, 1, 5), ({"max_num_seqs": 20}, 20, 0, 5)],
)
def test_a_worker_whose_slots_are_learned_gets_one_request_too_many_to_learn_by(
    configured: dict[str, int], slots: int, confirmed: int, engine_queue: int
) -> None:
    settings = Config.model_validate({"scheduling": {"engine_queue": 5}}).scheduling
    scheduler, member, _ = healthy(**configured)
    member.backend.report = EngineReport(running=0, waiting=0)
    member.observe_load(scheduler)
    member.slots.confirmed = confirmed
    spec = member.spec(settings)
    assert (spec.slots, spec.engine_queue) == (slots, engine_queue)


def test_a_load_that_cannot_be_read_any_more_leaves_the_slots_as_learned() -> None:
    scheduler, member, _ = healthy()
    assert member.spec(Config().scheduling).slots == DEFAULT_SLOTS
    member.backend.report = EngineReport(running=20, waiting=0)
    member.observe_load(scheduler)
    member.backend.report = EngineReport()
    member.observe_load(scheduler)
    assert member.spec(Config().scheduling).slots == 40


@pytest.mark.parametrize(("said", "shared"), [(True, True), (None, True), (False, False)])
def test_the_answers_to_a_prompt_share_it_unless_the_engine_says_otherwise(
    said: bool | None, shared: bool
) -> None:
    _, member, _ = healthy(kv_tokens=10_000)
    member.backend.report = EngineReport(prefix_caching=said)
    assert member.spec(Config().scheduling).prefix_caching is shared


def test_a_worker_that_comes_back_as_it_leaves_is_probed_before_its_load_counts() -> None:
    scheduler, member, _ = healthy()
    member.backend.report = EngineReport(running=1, waiting=0)
    scheduler.submit(job("j", model="other"))
    scheduler.remove_worker(member.id)
    assert not member.is_learning(scheduler, 0.0)
