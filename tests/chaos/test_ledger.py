"""The books of a chaos run: certain outcomes, outcomes that look alike, and hang-ups."""

from collections import Counter

from tests.chaos.ledger import HUNG_UP, Ledger, balance

ALIKE = frozenset({"queue_full", "worker_4xx"})
OK, GONE = frozenset({"ok"}), frozenset({HUNG_UP})


def test_equal_books_agree() -> None:
    result = balance({OK: 5, GONE: 2}, {"ok": 5, "client_gone": 2})
    assert not result.contradictions
    assert result.hung_up == 2
    assert not result.ended_first


def test_an_outcome_that_the_gateway_does_not_count_is_a_contradiction() -> None:
    result = balance({OK: 5}, {"ok": 4, "worker_failed": 1})
    assert len(result.contradictions) == 2, "one is missing, and one is too many"


def test_a_request_counted_twice_is_a_contradiction() -> None:
    assert balance({OK: 5, GONE: 2}, {"ok": 5, "client_gone": 3}).contradictions


def test_a_request_counted_never_is_a_contradiction() -> None:
    assert balance({OK: 5, GONE: 2}, {"ok": 5, "client_gone": 1}).contradictions


def test_outcomes_that_look_alike_may_be_any_of_them() -> None:
    seen = {ALIKE: 3, frozenset({"queue_full"}): 4}
    assert not balance(seen, {"queue_full": 5, "worker_4xx": 2}).contradictions
    assert balance(seen, {"queue_full": 3, "worker_4xx": 4}).contradictions


def test_requests_that_ended_before_their_hang_up_was_seen_are_told() -> None:
    result = balance({OK: 5, GONE: 3}, {"ok": 6, "client_gone": 1, "worker_failed": 1})
    assert not result.contradictions
    assert result.ended_first == Counter(ok=1, worker_failed=1)


def test_the_ledger_counts_ends_and_losses_apart() -> None:
    ledger = Ledger()
    ledger.add("completions", "ok")
    ledger.add("messages", "queue_full", "worker_4xx")
    ledger.lose("completions", "the connection broke")
    assert ledger.total == 2
    assert ledger.table() == Counter({"ok": 1, "queue_full or worker_4xx": 1})
    assert ledger.lost == ["completions: the connection broke"]


def test_overlapping_outcomes_are_shared_out_if_there_is_a_way() -> None:
    one, other = frozenset({"a", "b"}), frozenset({"b", "c"})
    assert not balance({one: 3, other: 3}, {"a": 1, "b": 2, "c": 3}).contradictions
    assert not balance({one: 3, other: 3}, {"a": 3, "b": 2, "c": 1}).contradictions
    assert balance({one: 3, other: 3}, {"a": 4, "b": 1, "c": 1}).contradictions
