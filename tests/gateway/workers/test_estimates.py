"""Estimates of what an engine does not publish: its slots, and the hits of its prefix cache."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import DEFAULT_SLOTS, LearnedSlots, PrefixHits


@dataclass
class Engine:
    """An engine of ``limit`` slots before a gateway that always has more to send."""

    limit: int
    slots: LearnedSlots = field(default_factory=LearnedSlots)
    beyond: int = 1
    kv_usage: float = 0.3
    generated: float = 0.0
    most_sent: int = 0

    def report(self, times: int = 1) -> None:
        """Reports after 10 steps each."""
        for _ in range(times):
            sent = self.slots.value + self.beyond
            self.most_sent = max(self.most_sent, sent)
            running = min(self.limit, sent)
            self.generated += 10 * running
            self.slots.observe(
                running=running,
                waiting=sent - running,
                kv_usage=self.kv_usage,
                sent=sent,
                generated=self.generated,
            )


@given(limit=st.integers(1, 300))
def test_any_limit_up_to_300_is_found_within_14_reports(limit: int) -> None:
    engine = Engine(limit)
    engine.report(14)
    assert engine.slots.value == limit
    assert engine.slots.confirmed


def test_an_engine_of_one_slot_never_gets_more_than_two() -> None:
    engine = Engine(1)
    engine.report(50)
    assert (engine.slots.value, engine.most_sent) == (1, 2)


@given(limit=st.integers(1, 300))
def test_an_engine_never_gets_much_more_than_twice_its_slots(limit: int) -> None:
    engine = Engine(limit)
    engine.report(20)
    assert engine.most_sent <= 2 * limit + 3


@given(limit=st.integers(1, 300), value=st.integers(1, 1000), beyond=st.integers(1, 50))
def test_a_wrong_guess_corrects_itself_and_the_limit_then_stays(
    limit: int, value: int, beyond: int
) -> None:
    engine = Engine(limit, LearnedSlots(value=value), beyond)
    engine.report(14)
    for _ in range(5):
        assert engine.slots.value == limit
        engine.report()


@given(limit=st.integers(1, 300), early=st.integers(1, 300))
def test_a_report_taken_while_the_engine_was_still_admitting_does_no_lasting_harm(
    limit: int, early: int
) -> None:
    engine = Engine(limit)
    engine.slots.observe(running=min(early, limit), waiting=10, kv_usage=0.0)
    engine.report(16)
    assert engine.slots.value == limit


def test_one_report_of_waiting_sequences_proves_no_limit() -> None:
    slots = LearnedSlots(value=64)
    slots.observe(running=2, waiting=60, kv_usage=0.1, sent=62, generated=100)
    assert (slots.value, slots.confirmed) == (64, 0)


def test_reports_of_an_engine_that_still_reads_prompts_prove_no_limit() -> None:
    slots = LearnedSlots(value=64)
    for _ in range(20):
        slots.observe(running=2, waiting=60, kv_usage=0.1, sent=62, generated=100)
    assert (slots.value, slots.confirmed) == (64, 0)


def test_an_engine_that_now_and_then_runs_a_few_less_keeps_its_slots() -> None:
    slots, generated = LearnedSlots(value=64), 0.0
    for running in (64, 62, 63, 61, 64, 62, 60, 63, 64, 62, 61, 60) * 4:
        generated += 640
        slots.observe(running=running, waiting=2, kv_usage=0.1, sent=66, generated=generated)
    assert slots.value == 64


def test_an_engine_that_comes_back_smaller_without_notice_loses_its_slots() -> None:
    engine = Engine(64)
    engine.report(14)
    engine.limit, engine.generated = 16, 0.0
    engine.report(8)
    assert engine.slots.value == 16


@pytest.mark.parametrize("generated", [None, 500.0])
def test_a_load_that_never_changes_does_not_keep_a_worker_at_one_slot(
    generated: float | None,
) -> None:
    slots = LearnedSlots()
    for _ in range(300):
        slots.observe(running=0, waiting=0, kv_usage=0.0, sent=slots.value + 1, generated=generated)
    assert slots.value == DEFAULT_SLOTS


@given(running=st.integers(0, 64), waiting=st.integers(1, 500), kv_usage=st.floats(0.8, 1))
def test_requests_that_wait_for_kv_memory_take_no_slots_away(
    running: int, waiting: int, kv_usage: float
) -> None:
    slots = LearnedSlots(value=64)
    for n in range(5):
        slots.observe(running=running, waiting=waiting, kv_usage=kv_usage, generated=1000.0 * n)
    assert slots.value == 64


@given(running=st.integers(0, 64))
def test_an_engine_with_less_to_do_takes_no_slots_away(running: int) -> None:
    slots = LearnedSlots(value=64)
    for n in range(5):
        slots.observe(running=running, waiting=0, kv_usage=0.1, sent=running, generated=90.0 * n)
    assert slots.value >= 64


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.floats(0, 1))))
def test_there_is_always_a_slot(reports: list[tuple[int, int, float]]) -> None:
    slots = LearnedSlots()
    for running, waiting, kv_usage in reports:
        slots.observe(running=running, waiting=waiting, kv_usage=kv_usage)
        assert slots.value >= 1


def cache_report(queries: float, hits: float) -> EngineReport:
    return EngineReport(prefix_queries=queries, prefix_hits=hits)


def test_the_part_of_prompts_found_cached_is_that_between_two_reports() -> None:
    hits = PrefixHits()
    rates = []
    for each in (
        cache_report(100, 90),
        cache_report(200, 140),
        cache_report(200, 140),
        EngineReport(),
    ):
        hits.observe(each)
        rates.append(hits.rate)
    assert rates == [0.0, 0.5, 0.5, 0.5]
    hits.observe(cache_report(50, 50))  # the engine began anew
    assert hits.rate == 0.5
    hits.observe(cache_report(150, 75))
    assert hits.rate == 0.25
