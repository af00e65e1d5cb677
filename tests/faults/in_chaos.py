"""Faults in the end of a worker's exchanges, and in the accounts of a run of chaos."""

from __future__ import annotations

from tests.faults.fault import Fault

_BROKEN = "tests/chaos/test_promises.py::test_a_broken_promise_is_told"

_ENDED = "tests/gateway/workers/test_exchanges.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/workers/exchanges.py",
        old="TOGETHER = 20\n",
        new="TOGETHER = 2000\n",
        test=_ENDED + "test_a_thousand_exchanges_end_in_turns_between_which_others_go_on",
        why="A worker that dies holds up all other workers' streams while its own end",
    ),
    Fault(
        file="gateway/workers/exchanges.py",
        old="        if self in self._all and self._task is not None:\n",
        new="        if self._task is not None:\n",
        test=_ENDED + "test_an_exchange_left_before_its_turn_is_not_cancelled_any_more",
        why="A request that has left a dead worker is cancelled at its next worker",
    ),
    Fault(
        file="gateway/workers/exchanges.py",
        old="            if kind is RuntimeError:",
        new="            if kind is ValueError:",
        test=_ENDED + "test_a_connection_closed_before_its_turn_fails_with_the_reason",
        why="A stream whose connection is closed before it is told ends as a bug",
    ),
    Fault(
        file="tests/chaos/ledger.py",
        old="    if counted_up != result.hung_up:\n",
        new="    if counted_up > result.hung_up:\n",
        test="tests/chaos/test_ledger.py::test_a_request_counted_never_is_a_contradiction",
        why="A request that the gateway never counts goes unnoticed",
    ),
    Fault(
        file="tests/chaos/answers.py",
        old="    if any(mark in last for mark in LAST_EVENTS[endpoint]):\n",
        new="    if last:\n",
        test="tests/chaos/test_answers.py::test_a_stream_is_ok_only_with_its_last_event",
        why="A stream that is cut without a word counts as answered",
    ),
    Fault(
        file="tests/chaos/promises.py",
        old="            used = whole - self.given_up[name]\n",
        new="            used = min(1, whole)\n",
        test=_BROKEN + "[twice]",
        why="A request that two workers answer goes unnoticed",
    ),
    Fault(
        file="tests/chaos/promises.py",
        old='                wrong["refused requests reached a worker"] += bool(tried)\n',
        new="                pass\n",
        test=_BROKEN + "[in spite of the queue]",
        why="A request that is refused at the door and sent all the same goes unnoticed",
    ),
)
