"""Faults in how workers are judged by what became of the requests there."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/requests/blame.py",
        old="        if progress > self._progress and self._attempt",
        new="        if self._attempt",
        test=("tests/gateway/workers/test_outliers.py::test_comments_are_no_sign_of_life"),
        why="A worker that sends comments alone keeps its requests until their time limit",
    ),
    Fault(
        file="gateway/requests/event_relay.py",
        old="        if self._may_hold(shown):\n",
        new="        if False:\n",
        test=("tests/gateway/workers/test_outliers.py::test_comments_are_no_sign_of_life"),
        why="A client that wants a whole answer gets comments, and no other worker can answer it",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="    if member.attempts.newest_failed < member.cooldown.tried_since(now):",
        new="    if False:",
        test=(
            "tests/gateway/workers/test_outliers.py::"
            "test_a_worker_is_not_left_alone_twice_for_the_same_failures"
        ),
        why="A worker that is mended is left alone again for what it did before",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="attempts.good_since(cooldown.until) >= cooldown.proof",
        new="True",
        test=("tests/gateway/workers/test_outliers.py::test_a_trial_ends_after_so_many_answers"),
        why="A worker that fails each fifth request is back after one good answer",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="attempt.work.longest if generates and not attempt.streams else attempt.work.most",
        new="attempt.work.most",
        test=(
            "tests/gateway/workers/test_outliers.py::"
            "test_an_engine_that_generates_may_be_at_the_longest_answers"
        ),
        why="A very long answer is generated on one worker after the other",
    ),
    Fault(
        file="gateway/requests/whole_answer.py",
        old="            return error.status == 415\n",
        new="            return True\n",
        test=(
            "tests/gateway/requests/test_whole_answers.py::"
            "test_a_compressed_answer_that_is_cut_is_asked_for_elsewhere"
        ),
        why="Clients get half of a compressed answer as a success",
    ),
)
