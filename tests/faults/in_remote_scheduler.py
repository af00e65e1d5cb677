"""Faults in gateway/remote_scheduler/."""

from __future__ import annotations

from tests.faults.fault import Fault

_CORE = "tests/gateway/remote_scheduler/test_core.py::"
_SERVICE = "tests/gateway/remote_scheduler/test_service.py::"
_ENCODING = "tests/gateway/remote_scheduler/test_encoding.py::"
_PROCESS = "tests/gateway/remote_scheduler/test_process.py::"
_ORDER = "tests/gateway/remote_scheduler/test_order.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/remote_scheduler/wire.py",
        old="    if length.tokens[-1] > MOST_TOKENS:\n",
        new="    if False:\n",
        test=_SERVICE
        + "test_a_front_that_says_what_it_must_not_is_refused_alone[a length without end]",
        why="A front's length of 1e308 tokens makes the counters of all tenants infinite",
    ),
    Fault(
        file="gateway/remote_scheduler/core.py",
        old="self.scheduler.pause(True)\n",
        new="self.held = False\n",
        test=_CORE + "test_nothing_is_dispatched_before_all_fronts_have_told_their_jobs",
        why="A scheduler that starts anew fills workers that run jobs which it does not know yet",
    ),
    Fault(
        file="gateway/remote_scheduler/core.py",
        old="return not self.held and self._numbers > 0",
        new="return not self.held",
        test=_CORE + "test_a_front_without_a_time_is_refused_and_leaves_no_trace",
        why="A scheduler with a late clock that nobody has come to yet never gets its fronts",
    ),
    Fault(
        file="gateway/remote_scheduler/front_state.py",
        old="entries.append(Adopt(held.number, state, held.worker, held.key))",
        new="entries.append(Submit(held.number, state))",
        test=_PROCESS + "test_what_runs_as_a_scheduler_dies_keeps_its_slot_with_the_next_one",
        why="What ran when a scheduler died is queued by the next one, and leaks a slot at its end",
    ),
    Fault(
        file="gateway/remote_scheduler/core.py",
        old="self.act(self.scheduler.release(job.id))",
        new="pass",
        test=_PROCESS + "test_a_front_that_is_killed_frees_what_it_held_at_once",
        why="What a dead front held keeps its slots for good",
    ),
    Fault(
        file="gateway/remote_scheduler/lease.py",
        old="fcntl.LOCK_EX | fcntl.LOCK_NB",
        new="fcntl.LOCK_SH | fcntl.LOCK_NB",
        test=_PROCESS + "test_two_schedulers_never_have_one_socket",
        why="A second scheduler takes over the socket of one that lives",
    ),
    Fault(
        file="gateway/remote_scheduler/facts.py",
        old="all(healthy for _, healthy in said)",
        new="any(healthy for _, healthy in said)",
        test=_CORE + "test_a_worker_is_healthy_while_every_front_says_so",
        why="A worker that failed the requests of one front gets more of them",
    ),
    Fault(
        file="gateway/remote_scheduler/entries.py",
        old="if core.facts.leads(session.number, entry.id) and",
        new="if",
        test=_CORE + "test_the_front_that_has_been_there_for_longest_reports_the_kv_use",
        why="Each of several fronts moves the estimate of one engine's KV use as if it were alone",
    ),
    Fault(
        file="gateway/remote_scheduler/front_state.py",
        old="(Resubmit if held.accepted else Submit)",
        new="Submit",
        test=_ORDER + "test_a_scheduler_that_starts_again_has_the_order_of_before",
        why="A scheduler that starts again puts the waiting requests into another order",
    ),
    Fault(
        file="gateway/remote_scheduler/front_messages.py",
        old="kv_tokens: Size | None",
        new="kv_tokens: Count | None",
        test=_CORE + "test_a_worker_may_be_as_large_as_the_configuration_allows",
        why="Fronts before an engine of more than 65,536 KV tokens never have a scheduler",
    ),
    Fault(
        file="gateway/remote_scheduler/reading.py",
        old="if size > most:",
        new="if False:",
        test=_SERVICE + "test_a_message_is_refused_by_its_head_alone[too large]",
        why="A message may have any size",
    ),
    Fault(
        file="gateway/remote_scheduler/service.py",
        old="await read_message(stream, MOST_HELLO_BYTES)",
        new="await read_message(stream, MOST_BYTES)",
        test=_SERVICE + "test_a_message_is_refused_by_its_head_alone[too large before the hello]",
        why="Whoever reaches the port has a megabyte for each connection, without the secret",
    ),
    Fault(
        file="gateway/remote_scheduler/reading.py",
        old="    if compressed:\n",
        new="    if False:\n",
        test=_SERVICE + "test_a_message_is_refused_by_its_head_alone[compressed]",
        why="A compressed message is read as it is",
    ),
    Fault(
        file="gateway/remote_scheduler/service.py",
        old="messages_of(entries, MOST_BYTES_DOWN)",
        new="[encode(entries)]",
        test=_SERVICE + "test_large_entries_for_a_front_go_in_several_messages",
        why="A few large entries end the stream of a front, again and again",
    ),
    Fault(
        file="gateway/remote_scheduler/encoding.py",
        old="        return []\n",
        new="        return [data]\n",
        test=_ENCODING + "test_an_entry_that_no_message_can_have_is_left_out_and_told",
        why="One request that is too large parts a front from its scheduler for good",
    ),
    Fault(
        file="gateway/remote_scheduler/core.py",
        old="        self.epoch = hello.seen + 1\n",
        new="",
        test=_CORE + "test_a_scheduler_whose_clock_is_behind_takes_over_from_the_one_before",
        why="After a start on a machine whose clock is behind no front has a scheduler",
    ),
    Fault(
        file="gateway/protocol/private_socket.py",
        old=" or str(error)",
        new="",
        test="tests/gateway/protocol/test_private_socket.py::test_a_path_that_is_too_long_is_told",
        why="Of a path that is too long the message says None",
    ),
    Fault(
        file="gateway/remote_scheduler/remote_scheduler.py",
        old="limit = now if self.away else now - LATE_S",
        new="limit = now - 1e9",
        test=_PROCESS + "test_new_requests_wait_for_a_scheduler_and_not_beyond_their_deadline",
        why="Without a scheduler a request waits beyond queue.timeout_s",
    ),
    Fault(
        file="gateway/remote_scheduler/core.py",
        old="if hello.seen >= MOST_EPOCH or self._has_begun_with_fronts:",
        new="if False:",
        test=_CORE + "test_a_scheduler_older_than_one_that_a_front_has_followed_is_refused",
        why="A scheduler that was replaced takes fronts again",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="return last is None or alone or self._waiting.place(job) < last",
        new="return last is None or alone",
        test="tests/scheduler/test_scheduler.py::test_a_new_job_ahead_of_those_that_wait_may_go",
        why="A new job that fits waits for the next change, since others do not fit",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="alone = len(self._waiting) == 1",
        new="alone = False",
        test="tests/scheduler/test_scheduler.py::"
        "test_a_new_job_goes_to_a_worker_that_is_back_after_the_queue_was_empty",
        why="A new job waits beside a worker that came back while nothing waited",
    ),
)
