"""Estimates of what an engine does not publish: its slots, and the hits of its prefix cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import LearnedSlots, PrefixHits


def report(slots: LearnedSlots, *, limit: int, beyond: int = 2, kv_usage: float = 0.3) -> None:
    """One report of an engine that was sent ``beyond`` more than the learned value."""
    sent = slots.value + beyond
    running = min(limit, sent)
    slots.observe(running=running, waiting=sent - running, kv_usage=kv_usage)


def test_any_limit_up_to_300_is_found_within_eight_reports() -> None:
    for limit in range(1, 301):
        slots = LearnedSlots()
        for _ in range(8):
            report(slots, limit=limit)
        assert slots.value == limit


@given(limit=st.integers(1, 300), value=st.integers(1, 1000), beyond=st.integers(1, 50))
def test_a_wrong_guess_corrects_itself_and_the_limit_then_stays(
    limit: int, value: int, beyond: int
) -> None:
    slots = LearnedSlots(value=value)
    for _ in range(10):
        report(slots, limit=limit, beyond=beyond)
    for _ in range(5):
        assert slots.value == limit
        report(slots, limit=limit, beyond=beyond)


@given(limit=st.integers(1, 300), early=st.integers(1, 300))
def test_a_report_taken_while_the_engine_was_still_admitting_does_no_lasting_harm(
    limit: int, early: int
) -> None:
    slots = LearnedSlots()
    slots.observe(running=min(early, limit), waiting=10, kv_usage=0.0)
    for _ in range(10):
        report(slots, limit=limit)
    assert slots.value == limit


@given(running=st.integers(0, 64), waiting=st.integers(1, 500), kv_usage=st.floats(0.8, 1))
def test_requests_that_wait_for_kv_memory_take_no_slots_away(
    running: int, waiting: int, kv_usage: float
) -> None:
    slots = LearnedSlots(value=64, most_running=20)
    slots.observe(running=running, waiting=waiting, kv_usage=kv_usage)
    assert slots.value == 64


@given(running=st.integers(0, 64))
def test_an_engine_with_less_to_do_takes_no_slots_away(running: int) -> None:
    slots = LearnedSlots(value=64, most_running=20)
    slots.observe(running=running, waiting=0, kv_usage=0.1)
    assert slots.value == 64


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
