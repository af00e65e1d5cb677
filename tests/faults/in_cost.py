"""Faults in what keeps a request cheap: batches, memory, pages."""

from __future__ import annotations

from tests.faults.fault import Fault

_BATCHER = "tests/gateway/forecasting/test_batcher.py::"
_LEAN = "tests/gateway/clients/test_lean.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/forecasting/batcher.py",
        old="QUIET_TURNS = 2",
        new="QUIET_TURNS = 0",
        test=_BATCHER + "test_what_comes_in_successive_turns_of_the_loop_is_one_batch",
        why="Each request under load is forecast by itself, at five times the cost",
    ),
    Fault(
        file="gateway/forecasting/batcher.py",
        old="        waited = loop.time() - begun > PATIENCE_S",
        new="        waited = False",
        test=_BATCHER + "test_items_that_come_without_end_do_not_hold_up_the_first",
        why="A forecast waits for as long as further requests come",
    ),
    Fault(
        file="gateway/clients/lean.py",
        old="            self._event.set()\n",
        new="",
        test=_LEAN + "test_after_clear_one_waits_until_the_next_time",
        why="A request whose body comes after its headers is never read",
    ),
    Fault(
        file="gateway/clients/bounded_requests.py",
        old="    __slots__ = (",
        new="    slots = (",
        test=_LEAN + "test_a_connection_needs_no_dictionary_of_its_own",
        why="Each connection takes a kilobyte for the names of its attributes",
    ),
    Fault(
        file="gateway/serve/log_output.py",
        old="            sleep(GATHER_S)",
        new="            pass",
        test="tests/gateway/serve/test_log_output.py::"
        "test_entries_gather_while_the_writing_thread_rests",
        why="Each access record wakes a thread, which costs as much as a tenth of a request",
    ),
    Fault(
        file="gateway/scheduling/expected_starts.py",
        old="        by_pace /= self._rates.stretch(model)",
        new="        by_pace /= 1.0",
        test="tests/gateway/scheduling/test_expected_starts.py::"
        "test_the_pace_counts_for_less_where_answers_are_longer_than_forecast",
        why="Retry-After is too early where answers are longer than forecast",
    ),
)
