"""Faults in what holders of keys may do: stored responses, models, shared limits, deadlines."""

from __future__ import annotations

from tests.faults.fault import Fault

_WHOSE = "tests/gateway/requests/test_whose_response.py::"
_HIDDEN = "tests/gateway/requests/test_hidden_models.py::"
_SHARED = "tests/gateway/access/test_shared_limits.py::"
_LEFT = "tests/gateway/access/test_limit_headers.py::"
_DEADLINES = "tests/gateway/requests/test_deadlines.py::"
_STAY = "tests/gateway/live_config/test_keys_stay.py::"
_PLACE = "tests/gateway/requests/test_place_comments.py::"
_EXEMPLARS = "tests/gateway/tracing/test_exemplars.py::"
_RECEIVER = "tests/gateway/tracing/test_receiver.py::"
_READ = "tests/gateway/protocol/test_as_servers_read.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/requests/endpoint.py",
        old="            self.stored.check([response_id(relay.path)], holder)\n",
        new="            pass\n",
        test=_WHOSE + "test_only_who_has_made_a_response_may_use_it",
        why="Whoever knows the id of a stored response reads it, or deletes it",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="            self.stored.check(continued, holder)\n",
        new="",
        test=_WHOSE + "test_only_who_has_made_a_response_may_use_it",
        why="A request goes on from the conversation of another holder",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="            self.stored.check(made, holder, made=False)\n",
        new="",
        test=_WHOSE + "test_nobody_takes_the_place_of_a_response_by_its_id",
        why="A holder puts a response of his own in the place of another's",
    ),
    Fault(
        file="gateway/requests/model_names.py",
        old="shown_models(self.entries(), holder)",
        new="self.entries()",
        test=_HIDDEN + "test_no_error_names_a_model_that_its_reader_must_not_use",
        why="Errors name models that a key must not know",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="            check_names_model(request, holder, method)\n",
        new="",
        test=_HIDDEN + "test_a_body_whose_model_the_gateway_cannot_read_reaches_no_worker",
        why="A body that only the worker can read asks for a model that the key must not use",
    ),
    Fault(
        file="gateway/protocol/multipart.py",
        old="            disposition = line[20:]\n",
        new="            disposition = disposition or line[20:]\n",
        test=_READ + "test_a_form_is_read_and_changed_as_servers_read_it",
        why="A part with two names gets a model that was not checked",
    ),
    Fault(
        file="gateway/protocol/multipart.py",
        old="    if not safe:\n",
        new="    if False:\n",
        test=_READ + "test_a_form_that_servers_read_in_different_ways_is_refused",
        why="A form in a charset of its own hides the model that it asks for",
    ),
    Fault(
        file="gateway/access/admission.py",
        old="                self._account.settle(tokens, 0, self._clock)\n",
        new="                pass\n",
        test=_SHARED + "test_a_group_s_limit_is_one_for_all_its_holders",
        why="What a group refuses stays reserved for its holder for ever",
    ),
    Fault(
        file="gateway/access/admission.py",
        old="                self._account.take_back(self.holder)\n",
        new="                pass\n",
        test=_SHARED + "test_a_group_s_limit_is_one_for_all_its_holders",
        why="Requests that a group refuses run for ever in its holder's account",
    ),
    Fault(
        file="gateway/access/account.py",
        old="                self.ledger.carried.pop(name, None)\n",
        new="                pass\n",
        test=_SHARED + "test_what_was_spent_before_the_start_counts_for_the_group_once",
        why="A group's budget counts twice what its holders had spent before the start",
    ),
    Fault(
        file="gateway/protocol/reply.py",
        old="if pair[0].lower() not in names), *told]",
        new="if True), *told]",
        test=_LEFT + "test_a_worker_s_own_limits_do_not_contradict",
        why="A client reads the limits of a worker for its own",
    ),
    Fault(
        file="gateway/requests/deadlines.py",
        old="    return min(declared_timeout(headers), math.inf if most is None else most)\n",
        new="    return declared_timeout(headers) if headers else most or math.inf\n",
        test=_DEADLINES + "test_the_nearer_of_two_deadlines_counts_for_the_order",
        why="A key's deadline bounds nothing",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="        if opens(self.in_force, new):\n",
        new="        if False:\n",
        test=_STAY + "test_a_file_that_is_cut_off_does_not_open_the_gateway",
        why="A configuration that is being written lets everybody in for a moment",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="            if part.prepare is not None:\n",
        new="            if False:\n",
        test=_STAY + "test_a_file_of_keys_is_read_beside_the_event_loop",
        why="A reload with ten thousand keys holds every request up for most of a second",
    ),
    Fault(
        file="gateway/requests/place_comment.py",
        old='            return b""\n',
        new='            return b": position=0\\n\\n"\n',
        test=_PLACE + "test_a_request_that_need_not_wait_is_told_nothing",
        why="A request that runs is told that it waits",
    ),
    Fault(
        file="gateway/requests/place_comment.py",
        old=' and settings.debug_headers != "never"',
        new="",
        test=_PLACE + "test_nobody_else_is_told",
        why="Clients learn of the queue where the operator does not want it",
    ),
    Fault(
        file="gateway/tracing/traces.py",
        old="        if not context.trace_flags.sampled:\n",
        new="        if False:\n",
        test=_EXEMPLARS + "test_others_get_no_exemplar",
        why="Exemplars lead to traces that nobody has kept",
    ),
    Fault(
        file="gateway/tracing/traces.py",
        old="        self._processor.force_flush(FLUSH_MS)\n        self._processor.shutdown()\n",
        new="",
        test=_RECEIVER + "test_the_traces_of_a_hundred_requests_arrive_whole",
        why="The last traces before the gateway's end are lost",
    ),
)
