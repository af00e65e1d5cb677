"""Faults in what ends a request whose worker hangs, and in what bounds its answer."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/workers/health.py",
        old="        exchanges.end_lost()\n",
        new="",
        test=(
            "tests/gateway/requests/test_slow_progress.py::"
            "test_a_request_that_an_idle_engine_cannot_have_is_given_up"
        ),
        why="A request that a worker has lost waits for an hour",
    ),
    Fault(
        file="gateway/workers/stall.py",
        old="if idle else math.inf",
        new="if not report.waiting else math.inf",
        test=(
            "tests/gateway/requests/test_slow_progress.py::"
            "test_a_request_that_an_idle_engine_cannot_have_is_given_up"
        ),
        why="A long answer at a busy worker is given up as lost",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        member.stall.found = True\n",
        new="",
        test=(
            "tests/gateway/workers/test_stall.py::test_a_stalled_engine_is_down_until_it_is_idle"
        ),
        why="An engine that has stalled gets requests again a moment later, and stalls them too",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="        self.open()\n        self.exchanges.end(why)\n",
        new="        self.open()\n",
        test=(
            "tests/gateway/requests/test_frozen_workers.py::"
            "test_begun_streams_of_a_frozen_worker_end_with_an_error_and_free_their_slots"
        ),
        why="Streams of a frozen worker hang, and hold its slots, until requests.timeout_s",
    ),
    Fault(
        file="gateway/workers/exchanges.py",
        old="self._task.uncancel() <= self._cancelling and kind",
        new="kind",
        test=(
            "tests/gateway/workers/test_exchanges.py::"
            "test_a_cancellation_by_another_is_no_end_of_the_exchange"
        ),
        why="A client that hangs up while its worker goes down counts as a failed worker",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="        async with asyncio.timeout(CLOSE_S):\n",
        new="        async with asyncio.timeout(None):\n",
        test=(
            "tests/gateway/workers/test_health.py::"
            "test_a_worker_that_does_not_read_a_request_is_dropped_and_probed_on"
        ),
        why="A worker with unsent bytes of a request is never probed again",
    ),
    Fault(
        file="gateway/requests/time_limits.py",
        old="        self.exchange.deadline = now + self._left\n",
        new="        self.exchange.deadline = now + self.bounds.token_timeout_s\n",
        test=(
            "tests/gateway/requests/test_time_limits.py::"
            "test_a_stream_whose_tokens_stop_ends_with_an_error_event"
        ),
        why="A worker that sends comments and no tokens holds a slot and a client for an hour",
    ),
    Fault(
        file="gateway/requests/time_limits.py",
        old="            limit += TIMES * self._whole_s()\n",
        new="            limit += 0.0\n",
        test=(
            "tests/gateway/requests/test_time_limits.py::"
            "test_a_whole_answer_may_take_its_expected_duration"
        ),
        why="A long answer that is not streamed is cut, and generated again elsewhere",
    ),
    Fault(
        file="gateway/requests/whole_answer.py",
        old="        if len(body) > most:\n            return bytes(body), False\n",
        new="",
        test=(
            "tests/gateway/requests/test_long_answers.py::"
            "test_generated_text_beyond_the_bound_is_refused_with_its_reason"
        ),
        why="A worker's endless answer fills the gateway's memory",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        if member.id not in self._dispatcher.scheduler.workers:\n",
        new="        if False:\n",
        test=(
            "tests/gateway/requests/test_frozen_workers.py::"
            "test_a_request_beside_the_queue_that_a_leaving_worker_breaks_is_tried_elsewhere"
        ),
        why="A request that a leaving worker breaks is answered 500, and is not tried elsewhere",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="            running.waiting_for_100_continue = False",
        new="            running.keep_alive = False",
        test=(
            "tests/gateway/clients/test_connection.py::"
            "test_a_refused_client_is_not_asked_for_the_body_it_waits_to_send"
        ),
        why="A refused client that waits with Expect: 100-continue counts as a bug of the gateway",
    ),
    Fault(
        file="gateway/requests/body.py",
        old="        held.expect(int(claimed))\n",
        new="        pass\n",
        test=(
            "tests/gateway/clients/test_body_bytes.py::"
            "test_a_body_too_many_is_refused_before_it_is_read_and_small_ones_are_taken"
        ),
        why="A body that cannot fit is asked for, and read, before it is refused",
    ),
    Fault(
        file="gateway/requests/body.py",
        old="            held.grow(len(part))\n",
        new="            held.own += len(part)\n",
        test=(
            "tests/gateway/clients/test_body_bytes.py::"
            "test_bytes_count_as_they_come_whatever_their_sender_says"
        ),
        why="Clients that send in chunks fill the gateway's memory together",
    ),
    Fault(
        file="gateway/clients/body_bytes.py",
        old="            self.held -= body.own\n",
        new="            pass\n",
        test=(
            "tests/gateway/clients/test_body_bytes.py::test_a_body_counts_until_its_request_ends"
        ),
        why="The room for bodies is used up for ever, and every request is refused",
    ),
    Fault(
        file="gateway/clients/body_bytes.py",
        old="            if body.ended:",
        new="            if False:",
        test=(
            "tests/gateway/clients/test_body_bytes.py::"
            "test_a_thread_that_goes_on_after_the_end_counts_nothing"
        ),
        why="Compressed bodies of clients that hang up use up the room for bodies for ever",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="            if member.probed != before:\n",
        new="            if False:\n",
        test=(
            "tests/gateway/workers/test_suspicion.py::"
            "test_requests_that_doubt_a_worker_together_share_one_probe"
        ),
        why="A few requests that fail at once and a pause of a busy worker make it down",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="            if member.was_down:",
        new="            if True:",
        test=(
            "tests/gateway/workers/test_suspicion.py::"
            "test_a_worker_that_lost_one_connection_keeps_what_was_learned"
        ),
        why="A worker that lost one connection gets one sequence at a time again",
    ),
    Fault(
        file="gateway/requests/time_limits.py",
        old="        return self.job.most_tokens * turns",
        new="        return min(self.job.most_tokens, self.job.length.tokens[-1]) * turns",
        test=(
            "tests/gateway/requests/test_time_limits.py::"
            "test_the_first_token_may_take_as_long_as_prompt_length_and_queue_let_expect"
        ),
        why="The longest of forty answers that are not streamed is cut",
    ),
    Fault(
        file="gateway/requests/time_limits.py",
        old="            if not self._is_preempted(now):\n",
        new="            if True:\n",
        test=(
            "tests/gateway/requests/test_slow_progress.py::"
            "test_a_stream_whose_memory_the_engine_has_taken_may_pause_for_longer"
        ),
        why="A stream is cut because its engine is short of memory",
    ),
    Fault(
        file="gateway/requests/time_limits.py",
        old="        return lately and now - self._last < LONGEST_PREEMPTION * limit\n",
        new="        return lately\n",
        test=(
            "tests/gateway/requests/test_time_limits.py::"
            "test_a_sequence_may_wait_for_its_memory_while_others_grow_and_not_for_ever"
        ),
        why="A stream that hangs at a busy engine holds its slot for an hour",
    ),
    Fault(
        file="gateway/protocol/dialects/reader.py",
        old="            self.unknown += bool(event.data)\n",
        new="",
        test=(
            "tests/gateway/requests/test_slow_progress.py::"
            "test_events_of_no_known_kind_are_progress"
        ),
        why="Streams of unknown APIs are cut in the middle",
    ),
    Fault(
        file="gateway/requests/whole_answer.py",
        old="    if len(answer) <= AT_ONCE_BYTES:\n",
        new="    if True:\n",
        test="tests/gateway/requests/test_whole_answers.py::"
        "test_a_large_answer_is_read_beside_the_event_loop",
        why="An answer with many logprobs stops all streams for half a second",
    ),
)
