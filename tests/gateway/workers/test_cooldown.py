"""How long a worker that refuses or fails requests is left alone, and what ends that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.workers.cooldown import FAILURES, LONGEST_S, LONGEST_WISH_S, Cooldown, retry_after


def test_cooldowns_in_a_row_grow_up_to_a_limit_and_differ() -> None:
    cooldown, now, pauses = Cooldown(), 0.0, []
    for _ in range(50):
        cooldown.refused(now)
        pauses.append(cooldown.left(now))
        now = cooldown.until
    assert 0.5 <= pauses[0] <= 1.0
    assert all(1.0 <= longer <= 2.0 for longer in pauses[1:2])
    assert all(LONGEST_S / 2 <= pause <= LONGEST_S for pause in pauses[5:])
    assert len(set(pauses[5:])) > 40, "no jitter"


def test_what_the_worker_asks_for_is_honoured_within_reason() -> None:
    cooldown = Cooldown()
    cooldown.refused(100.0, retry_after=7.0)
    assert 107.0 <= cooldown.until <= 107.7
    other = Cooldown()
    other.refused(100.0, retry_after=86_400.0)
    assert other.left(100.0) <= 1.1 * LONGEST_WISH_S


def test_refusals_of_one_burst_are_one_refusal() -> None:
    cooldown = Cooldown()
    for _ in range(100):
        cooldown.refused(0.0)
    assert cooldown.until <= 1.0
    cooldown.refused(cooldown.until)
    assert cooldown.until <= 3.0


def test_a_failure_alone_may_be_the_requests_own_fault() -> None:
    cooldown = Cooldown()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            cooldown.failed(0.0, 0.0)
        cooldown.answered(0.0)
    assert not cooldown.left(0.0)
    for _ in range(FAILURES):
        cooldown.failed(0.0, 0.0)
    assert cooldown.left(0.0)


def test_a_worker_on_trial_cools_down_again_at_its_first_failure() -> None:
    cooldown = Cooldown()
    cooldown.refused(0.0)
    after = cooldown.until
    assert cooldown.on_trial(after)
    cooldown.failed(after, after)
    assert cooldown.left(after) >= 1.0


def test_only_an_answer_to_a_request_from_after_the_cooldown_ends_the_row() -> None:
    cooldown = Cooldown()
    cooldown.refused(10.0)
    after = cooldown.until
    cooldown.answered(begun=9.0)
    assert cooldown.on_trial(after)
    cooldown.answered(begun=after)
    assert not cooldown.on_trial(after)
    cooldown.refused(after)
    assert cooldown.left(after) <= 1.0, "the row has not ended"


def test_an_answer_that_generates_nothing_proves_nothing_of_generations() -> None:
    cooldown = Cooldown()
    for _ in range(FAILURES - 1):
        cooldown.failed(0.0, 0.0)
    cooldown.answered(0.0, generates=False)
    cooldown.failed(0.0, 0.0)
    after = cooldown.until
    assert cooldown.left(0.0), "the failures were forgotten"
    cooldown.kept(after, generates=False)
    cooldown.answered(after, generates=False)
    assert cooldown.on_trial(after)
    cooldown.answered(after)
    assert not cooldown.on_trial(after)


def test_an_answer_that_generates_nothing_ends_a_row_of_its_own_kind() -> None:
    cooldown = Cooldown()
    cooldown.refused(0.0, generates=False)
    cooldown.answered(cooldown.until, generates=False)
    assert not cooldown.on_trial(cooldown.until)


def test_a_failure_from_before_the_cooldown_tells_nothing_new() -> None:
    cooldown = Cooldown()
    cooldown.refused(10.0)
    after = cooldown.until
    cooldown.failed(after, begun=9.0)
    assert cooldown.on_trial(after)


def test_only_a_judgement_ends_the_trial_of_an_ejected_worker() -> None:
    cooldown = Cooldown()
    cooldown.ejected(0.0, "hangs")
    trial = cooldown.until
    assert cooldown.on_trial(trial)
    cooldown.kept(trial)
    assert cooldown.on_trial(trial), "a worker that hangs keeps a request too"
    cooldown.answered(trial)
    assert cooldown.on_trial(trial), "a slow worker answers too"
    cooldown.passed()
    assert not cooldown.on_trial(trial)


def test_a_request_that_is_not_refused_ends_the_trial_and_the_pauses_still_grow() -> None:
    cooldown = Cooldown()
    cooldown.refused(10.0)
    cooldown.kept(begun=9.0)
    after = cooldown.until
    assert cooldown.on_trial(after)
    cooldown.kept(begun=after)
    assert not cooldown.on_trial(after)
    cooldown.refused(after)
    assert cooldown.left(after) >= 1.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("7", 7.0), ("0.5", 0.5), ("0", None), ("-3", None), ("inf", None), ("nan", None)),
        *((None, None), ("", None), ("soon", None), ("Sun, 06 Nov 1994 08:49:37 GMT", None)),
    ],
)
def test_retry_after_is_a_number_of_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


DATE_LIKE = st.builds(
    "{}, {} {} {} {}:{}:{} {}{}".format,
    st.sampled_from(("Mon", "Sun", "")),
    st.integers(),
    st.sampled_from(("Jan", "Feb", "Foo")),
    *[st.integers()] * 4,
    st.sampled_from(("GMT", "+", "-", "")),
    st.sampled_from(("", "0000", "9999", "9" * 12)),
)


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999",
        "Mon, 01 Jan 0001 00:00:00 +9999",
    ],
)
def test_retry_after_of_an_odd_date_is_none(value: str) -> None:
    assert retry_after(value) is None


@given(st.text() | DATE_LIKE)
def test_retry_after_takes_any_text(value: str) -> None:
    seconds = retry_after(value)
    assert seconds is None or seconds > 0


def test_retry_after_may_be_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    assert retry_after(format_datetime(moment, usegmt=True)) == pytest.approx(30, abs=2)
