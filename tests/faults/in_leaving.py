"""Faults at the gateway's end, around its log and disk, and in trials of models."""

from __future__ import annotations

from tests.faults.fault import Fault

_LEAVING = "tests/gateway/serve/test_leaving.py::"
_TRIALS = "tests/gateway/forecasting/test_trials.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/admin/ready.py",
        old="    if parts.leaving.stage > Stage.SERVING:\n",
        new="    if parts.leaving.stage > Stage.CUTTING:\n",
        test=_LEAVING + "test_at_first_ready_says_503_and_new_requests_are_still_served",
        why="Balancers go on sending to a gateway that is about to end",
    ),
    Fault(
        file="gateway/requests/leaving.py",
        old="        if self.stage >= Stage.DRAINING:\n",
        new="        if self.stage > Stage.CUTTING:\n",
        test=_LEAVING + "test_while_it_drains_accepted_requests_end_and_new_ones_hear_why",
        why="New requests keep a draining gateway from its end",
    ),
    Fault(
        file="gateway/requests/leaving.py",
        old="        was_cut = task in self._cut\n",
        new="        was_cut = False\n",
        test=_LEAVING + "test_what_is_left_ends_with_its_reason_and_no_trace",
        why="A request that is ended is cut off with a trace in place of its reason",
    ),
    Fault(
        file="gateway/serve/server.py",
        old="            self._leaving.cut_incomplete()\n",
        new="            pass\n",
        test=_LEAVING + "test_neither_a_slow_body_nor_an_idle_connection_holds_the_drain",
        why="A slow body holds the drain up to its limit",
    ),
    Fault(
        file="gateway/background.py",
        old="            task.add_done_callback(self._check_end)\n",
        new="            pass\n",
        test=_LEAVING + "test_a_supervisor_that_fails_ends_the_gateway_with_a_message",
        why="A gateway whose supervisor is dead lives on without its tasks",
    ),
    Fault(
        file="gateway/serve/log_output.py",
        old="            self.queue.put_nowait(record)\n",
        new="            self.queue.put(record, timeout=20)\n",
        test="tests/gateway/serve/test_log_output.py::"
        "test_a_reader_that_stands_still_holds_up_nobody_and_what_is_lost_is_counted",
        why="A reader of the log that stands still holds up the event loop",
    ),
    Fault(
        file="gateway/forecasting/trials.py",
        old="        await self._run(folder, refine=refine)\n",
        new="",
        test=_TRIALS + "test_a_model_that_crashes_its_process_is_refused_by_name",
        why="A damaged model crashes the gateway that takes it up",
    ),
    Fault(
        file="gateway/forecasting/batcher.py",
        old="        if self._closed and self._queue is not None:",
        new="        if False:",
        test="tests/gateway/forecasting/test_batcher.py::"
        "test_closed_it_still_works_on_what_comes_later_and_leaves_no_thread",
        why="A late item keeps the thread of a replaced predictor alive for ever",
    ),
    Fault(
        file="gateway/serve/command.py",
        old="            leave_out_lasting_objects()\n            give",
        new="            give",
        test="tests/gateway/serve/test_lasting_objects.py::"
        "test_what_is_made_before_the_gateway_serves_is_left_out_of_collections",
        why="A collection of cycles stops all requests for 80 ms",
    ),
)
