"""Faults in what keeps a request cheap: batches, memory, pages."""

from __future__ import annotations

from tests.faults.fault import Fault

_BATCHER = "tests/gateway/forecasting/test_batcher.py::"
_LEAN = "tests/gateway/clients/test_lean.py::"

_NO_CYCLES = (
    "tests/gateway/requests/test_no_cycles.py::test_nothing_of_a_request_is_left_for_the_collector"
)

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
        file="gateway/forecasting/batcher.py",
        old="            self._quick = self._quick + 1 if monotonic() - begun <= HERE_S else 0\n",
        new="            self._quick += 1\n",
        test=_BATCHER
        + "test_the_event_loop_does_what_comes_alone_once_the_thread_is_quick_with_it",
        why="Forecasts that take long hold up all streams",
    ),
    Fault(
        file="gateway/forecasting/forecaster.py",
        old="first=urgent",
        new="first=False",
        test="tests/gateway/requests/test_refine.py::"
        "test_a_refused_request_is_refined_before_those_that_wait",
        why="Just after a burst Retry-After goes by the place of a forecast that the queue lacks",
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
        old=" * self._rates.stretches.stretch(job.model, job.length)",
        new="",
        test="tests/gateway/scheduling/test_expected_starts.py::"
        "test_the_pace_counts_for_less_where_answers_are_longer_than_forecast",
        why="Retry-After is too early where answers are longer than forecast",
    ),
    Fault(
        file="gateway/scheduling/start_rates.py",
        old="            start.expected = float(tokens * job.sequences)",
        new="            pass",
        test="tests/gateway/scheduling/test_start_rates.py::"
        "test_what_came_counts_and_not_what_was_forecast",
        why="Where short forecasts are too long, the long ones behind them are told too early",
    ),
    Fault(
        file="gateway/scheduling/stretches.py",
        old="        near = np.exp(-0.5 * ((_GRID - place) / WIDTH) ** 2)",
        new="        near = np.ones_like(_GRID)",
        test="tests/gateway/scheduling/test_stretches.py::"
        "test_short_answers_say_little_of_long_ones",
        why="The few answers of a queue that end first correct all that wait",
    ),
    Fault(
        file="gateway/requests/refine.py",
        old="            in_flight.job.length = better.length",
        new="            pass",
        test="tests/gateway/requests/test_refine.py::"
        "test_a_refused_request_is_told_the_place_of_its_refined_forecast",
        why="A refused request is told the place of a forecast that the queue does not go by",
    ),
    Fault(
        file="gateway/scheduling/waiting_order.py",
        old="self._dispatcher.starts.seconds(place.job)",
        new="0.0",
        test="tests/gateway/scheduling/test_waiting_order.py::"
        "test_a_request_that_waits_is_told_what_a_refused_one_is",
        why="A request that waits is told another time than one that is refused",
    ),
    Fault(
        file="gateway/requests/blame.py",
        old="            self._attempt = None  # it",
        new="            pass  # it",
        test=_NO_CYCLES,
        why="Each request that ended stays in memory until a collection, which holds all others up",
    ),
    Fault(
        file="gateway/workers/exchanges.py",
        old="        self.overdue, self.lost = _never, _never",
        new="        pass",
        test=_NO_CYCLES,
        why="The time limits of each ended request stay in memory until a collection",
    ),
    Fault(
        file="gateway/serve/lasting_objects.py",
        old="    gc.set_threshold(YOUNG, TURNS, FULL_TURNS)\n",
        new="",
        test="tests/gateway/serve/test_lasting_objects.py::"
        "test_what_is_made_before_the_gateway_serves_is_left_out_of_collections",
        why="With 10,000 requests that wait, Python's collector holds all up again and again",
    ),
)
