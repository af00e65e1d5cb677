"""Faults in what the picker tells Envoy."""

from __future__ import annotations

from tests.faults.fault import Fault

_ENVOY = "tests/gateway/picker/test_through_envoy.py::"
_PROTOCOL = "tests/gateway/picker/test_protocol.py::"
_LISTENING = "tests/gateway/picker/test_listening.py::"
_SUBSET = "tests/gateway/picker/test_subset.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/picker/listening.py",
        old='    logging.getLogger("grpclib.server").setLevel(logging.WARNING)\n',
        new="",
        test=(
            "tests/gateway/picker/test_through_envoy.py::"
            "test_a_whole_answer_teaches_by_its_usage_and_logs_nothing"
        ),
        why="Each request through Envoy writes a line that it was cancelled",
    ),
    Fault(
        file="gateway/picker/answers.py",
        old="if name.lower() not in extra]",
        new="]",
        test=_ENVOY + "test_the_priority_is_the_schedulers_whatever_clients_send",
        why="A client's own destination header reaches Envoy",
    ),
    Fault(
        file="gateway/picker/conversation.py",
        old="        if not self.finished:\n            self._client.hang_up()\n",
        new="",
        test=_ENVOY + "test_a_client_that_hangs_up_frees_the_slot",
        why="The slot of a client that has gone is never free again",
    ),
    Fault(
        file="gateway/picker/answers.py",
        old="    chosen.fields[DESTINATION].string_value = destination\n",
        new="",
        test=_PROTOCOL + "test_the_destination_is_told_by_header_and_by_metadata",
        why="Data planes that read the dynamic metadata learn no destination",
    ),
    Fault(
        file="scheduler/job.py",
        old="and (not self.among or worker_id in self.among)",
        new="",
        test=_SUBSET + "test_requests_go_to_the_endpoints_that_are_allowed_alone",
        why="A request goes to an endpoint outside the data plane's subset",
    ),
    Fault(
        file="gateway/picker/service.py",
        old="        if self._service.streams > most:\n",
        new="        if False:\n",
        test=_PROTOCOL + "test_requests_beyond_the_bound_are_answered_503",
        why="Nothing bounds the requests that the picker has at a time",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="self.budget.begin(once=in_flight.relay.carrier is not None)",
        new="self.budget.begin()",
        test=_ENVOY + "test_a_worker_that_refuses_answers_itself_and_once",
        why="The picker tries a worker again that Envoy would not reach, and counts a failure",
    ),
    Fault(
        file="gateway/picker/http2.py",
        old="            self._gathering.write(_GOAWAY)",
        new="            pass",
        test=_LISTENING
        + "test_after_a_goodbye_streams_end_and_new_ones_come_on_another_connection",
        why="Envoy opens new streams on a connection whose picker is on its way out",
    ),
    Fault(
        file="gateway/picker/http2.py",
        old="_LAST_STREAM = 2**31 - 1",
        new="_LAST_STREAM = 0",
        test=_LISTENING
        + "test_after_a_goodbye_streams_end_and_new_ones_come_on_another_connection",
        why="A goodbye ends the streams that are open",
    ),
    Fault(
        file="gateway/picker/http2.py",
        old="        if not self._parts:\n            self._loop.call_soon(self._flush)\n"
        "        self._parts.append(data)\n",
        new="        self._transport.write(data)\n",
        test=_LISTENING + "test_the_frames_of_a_turn_leave_together_and_before_the_end",
        why="Each frame is a call of the kernel, here and at Envoy",
    ),
    Fault(
        file="gateway/picker/listening.py",
        old="ssl=context",
        new="ssl=None",
        test=_LISTENING + "test_envoy_comes_over_tls_and_checks_the_certificate",
        why="The picker with a certificate serves gRPC in the clear",
    ),
)
