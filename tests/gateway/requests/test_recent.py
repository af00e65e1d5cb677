"""The last errors and answers, for the live page."""

from __future__ import annotations

from gateway.requests.access_log import Ended
from gateway.requests.recent import MOST_ERRORS, Recent


def test_an_error_that_repeats_is_one_entry_with_a_count() -> None:
    recent = Recent()
    for number in range(500):
        recent.ended(Ended(0.0, "chat"), "queue_full", "The queue is full.", f"id-{number}")
    recent.ended(Ended(0.0, "other"), "queue_full", "The queue is full.", "id-other")
    first, last = recent.errors.values()
    assert (first.times, first.request_id) == (500, "id-499")
    assert (last.times, last.model) == (1, "other")
    assert recent.failed == 501


def test_errors_are_bounded_and_the_oldest_goes() -> None:
    recent = Recent()
    for number in range(MOST_ERRORS + 5):
        recent.ended(Ended(0.0, "chat"), "invalid_json", f"fault {number}" * 500, "id")
    reasons = [failure.reason for failure in recent.errors.values()]
    assert len(reasons) == MOST_ERRORS
    assert reasons[0].startswith("fault 5")
    assert all(len(reason) <= 400 for reason in reasons)


def test_hang_ups_are_no_errors() -> None:
    recent = Recent()
    for outcome in ("ok", "client_gone", "cancelled"):
        recent.ended(Ended(0.0, "chat"), outcome, "", "id")
    assert not recent.errors
