"""Faults in the connections of clients: their bounds, and their hang-ups."""

from __future__ import annotations

from tests.faults.fault import Fault

_TESTS = "tests/gateway/clients/test_connection.py::"
_ANSWERS = "tests/gateway/clients/test_held_answers.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/clients/connection.py",
        old="        waits = not self._cut_off and ",
        new="        waits = ",
        test=(
            "tests/gateway/clients/test_held_answers.py::"
            "test_what_a_client_has_not_taken_counts_until_it_is_cut_off"
        ),
        why="A client that is cut off while it is written to is counted twice",
    ),
    Fault(
        file="gateway/clients/certificate.py",
        old="        if found == self._version:\n",
        new="        if True:\n",
        test=(
            "tests/gateway/clients/test_certificate.py::"
            "test_a_new_certificate_is_taken_up_and_connections_stay"
        ),
        why="An expired certificate needs a restart",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="        if self.transport.can_write_eof():",
        new="        if True:",
        test=(
            "tests/gateway/clients/test_certificate.py::"
            "test_a_refused_client_gets_its_reason_over_tls"
        ),
        why="A refusal over TLS ends in a trace",
    ),
    Fault(
        file="gateway/clients/server.py",
        old="    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n",
        new="",
        test=(
            "tests/gateway/clients/test_server.py::"
            "test_no_part_of_an_answer_waits_for_an_acknowledgement[new_event_loop0]"
        ),
        why="Each answer on a kept connection takes 40 ms longer",
    ),
    Fault(
        file="gateway/clients/bounded_requests.py",
        old="        if self._unused > self._listen.max_header_bytes:\n",
        new="        if False:\n",
        test=_TESTS + "test_a_request_over_a_bound_is_refused_with_its_reason",
        why="A header without an end fills the memory",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):",
        new="for cycle in ():",
        test=_TESTS + "test_a_hang_up_is_seen_whatever_was_sent_after_the_request",
        why="A pipelined request hides the client's hang-up",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="self.transport.abort()  # closing would first",
        new="pass  # closing would first",
        test=_TESTS + "test_a_hang_up_of_a_client_that_did_not_read_is_seen",
        why="An unread answer hides the client's hang-up",
    ),
    Fault(
        file="gateway/clients/held_answers.py",
        old="        reader.cut(CLIENT_TOO_SLOW)\n",
        new="",
        test=_TESTS + "test_a_client_that_does_not_read_loses_its_worker_and_its_connection",
        why="A client that does not read keeps its worker",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="        with contextlib.suppress(OSError):  # the client has gone",
        new="        if True:",
        test=_TESTS + "test_a_client_that_is_gone_when_it_is_refused_does_not_stop_the_watch",
        why="A client that is gone when it is refused stops the watch over all",
    ),
    Fault(
        file="gateway/requests/event_relay.py",
        old="                if len(data) <= PIECE_BYTES:\n",
        new="                if True:\n",
        test=(
            "tests/gateway/requests/test_relay.py::"
            "test_streams_with_much_to_read_at_once_take_turns"
        ),
        why="Many streams that bring much at once hold everybody up",
    ),
    Fault(
        file="gateway/clients/connections.py",
        old="        for client in self._idle:\n",
        new="        for client in ():\n",
        test=_TESTS + "test_one_connection_too_many_closes_the_oldest_idle_one",
        why="Idle connections keep honest clients out",
    ),
    Fault(
        file="gateway/clients/acceptor.py",
        old="        self._loop.remove_reader(one)\n        self._paused",
        new="        self._paused",
        test=(
            "tests/gateway/clients/test_acceptor.py::"
            "test_without_descriptors_accepting_pauses_and_goes_on"
        ),
        why="Without descriptors the event loop spins",
    ),
    Fault(
        file="gateway/clients/held_answers.py",
        old="        if self.coming + self._waiting > self.most:\n",
        new="        if False:\n",
        test=_ANSWERS + "test_unread_answers_are_bounded_together",
        why="Clients that read no answers fill the memory together",
    ),
    Fault(
        file="gateway/requests/whole_answer.py",
        old="len(body) > HELD_BYTES and not coming.fits(len(body))",
        new="False",
        test=_ANSWERS + "test_an_answer_that_comes_is_refused_rather_than_new_readers",
        why="Large answers that come at once fill the memory",
    ),
    Fault(
        file="gateway/clients/held_answers.py",
        old="        queued = self._queued()\n",
        new="        queued = False\n",
        test=_ANSWERS
        + "test_a_client_that_takes_nothing_loses_its_worker_sooner_where_others_wait",
        why="A client that takes nothing keeps its worker while others wait for it",
    ),
    Fault(
        file="gateway/serve/command.py",
        old="        check_descriptors()\n",
        new="",
        test="tests/gateway/clients/test_descriptors.py::"
        "test_with_too_few_descriptors_it_ends_with_one_line",
        why="With too few open files the gateway prints traces and answers nothing",
    ),
    Fault(
        file="gateway/clients/descriptors.py",
        old="(limit - min(_OWN, limit // 2)) // 2",
        new="(limit - _OWN) // 2",
        test="tests/gateway/clients/test_descriptors.py::"
        "test_with_few_descriptors_it_serves_few_clients",
        why="With few open files the gateway serves one client at a time",
    ),
    Fault(
        file="gateway/serve/memory.py",
        old="        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)\n",
        new="        pass\n",
        test="tests/gateway/serve/test_memory.py::test_large_blocks_go_back_to_the_system",
        why="The memory of large answers stays with the process when they are gone",
    ),
    Fault(
        file="gateway/clients/connection.py",
        old="            self.flow.resume_reading()  # uvicorn pauses at",
        new="            pass  #",
        test=(
            "tests/gateway/protocol/test_disconnect.py::"
            "test_a_client_with_a_large_body_that_leaves_while_queued_is_heard"
        ),
        why="The hang-up of a client whose body was large is not heard",
    ),
)
