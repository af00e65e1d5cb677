"""Faults in gateway/protocol/."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/protocol/image_size.py",
        old="for _ in range(_MOST_SEGMENTS):",
        new="while True:",
        test=(
            "tests/gateway/protocol/test_image_size.py::test_only_so_many_segments_are_stepped_over"
        ),
        why="Images made of thousands of tiny segments keep the event loop busy",
    ),
    Fault(
        file="gateway/forecasting/attachments.py",
        old="looked = spread(parts, MOST_LOOKED)",
        new="looked = parts",
        test=(
            "tests/gateway/forecasting/test_prompt_parts.py::"
            "test_of_many_attachments_and_tools_some_are_looked_at"
        ),
        why="A request of thousands of images keeps the event loop busy",
    ),
    Fault(
        file="gateway/forecasting/prompt_parts.py",
        old="if isinstance(body.get(name), _GIVEN)",
        new="if name in body",
        test=(
            "tests/gateway/forecasting/test_prompt_parts.py::"
            "test_the_prompt_is_read_where_its_api_has_it"
        ),
        why="A request with a prompt of null weighs one token whatever else it says",
    ),
    Fault(
        file="gateway/forecasting/prompt_parts.py",
        old="(own, *_PROMPTS)",
        new="_PROMPTS",
        test=(
            "tests/gateway/forecasting/test_prompt_parts.py::"
            "test_the_prompt_is_read_where_its_api_has_it"
        ),
        why="A field that the API does not read hides a request's prompt",
    ),
    Fault(
        file="gateway/protocol/sse.py",
        old='value = value.removeprefix(b" ")',
        new="value = value[1:]",
        test=("tests/gateway/protocol/test_sse.py::test_fields_are_read_as_the_specification_says"),
        why="Events whose fields have no space after the colon are not understood",
    ),
    Fault(
        file="gateway/protocol/sse.py",
        old="self._seen = max(0, len(self._buffer) - 3)",
        new="self._seen = 0",
        test=(
            "tests/gateway/protocol/test_sse.py::"
            "test_a_long_event_in_many_small_parts_is_not_searched_again_and_again"
        ),
        why="A long event costs the square of its length and stops the gateway",
    ),
    Fault(
        file="gateway/protocol/openai.py",
        old="takes_option = api_of(self.endpoint).usage_in_stream",
        new="takes_option = True",
        test=(
            "tests/gateway/protocol/test_openai_sent_on.py::"
            "test_usage_is_asked_for_only_where_a_stream_has_that_option"
        ),
        why="Requests of other APIs are refused for an option that they do not have",
    ),
    Fault(
        file="gateway/protocol/multipart.py",
        old="> MOST_PARTS + 1:",
        new="> len(body):",
        test=(
            "tests/gateway/protocol/test_multipart.py::test_a_body_of_a_megabyte_is_read_in_no_time"
        ),
        why="An upload full of boundaries is read byte by byte and stops the gateway",
    ),
    Fault(
        file="gateway/protocol/json_count.py",
        old="        end = start + WINDOW\n",
        new="        end = len(body)\n",
        test=("tests/gateway/protocol/test_json_pieces.py::test_values_are_counted_piece_by_piece"),
        why="Counting the values of a large body stops the event loop",
    ),
    Fault(
        file="gateway/protocol/json_pieces.py",
        old="            if end + 2 < len(self._text) or self._last:",
        new="            if end <= len(self._text) or self._last:",
        test="tests/gateway/protocol/test_json_pieces.py::test_pieces_make_the_same_value",
        why="A number at the edge of a window is read as two",
    ),
    Fault(
        file="gateway/protocol/json_pieces.py",
        old="    if (number := count_values(body)) > most:",
        new="    if (number := count_values(body)) > 10**12:",
        test=(
            "tests/gateway/protocol/test_json_pieces.py::"
            "test_more_values_than_allowed_are_refused_before_they_take_memory"
        ),
        why="A body of 64 MB takes gigabytes of memory",
    ),
    Fault(
        file="gateway/protocol/outline.py",
        old="    for _ in range(_LOOKED_AT):",
        new="    while True:",
        test="tests/gateway/protocol/test_outline.py::test_a_text_is_looked_for_in_so_many_values",
        why="A prompt of millions of empty lists is searched for a text on the event loop",
    ),
    Fault(
        file="gateway/protocol/headers.py",
        old='"x-vllm-priority", ',
        new="",
        test=(
            "tests/gateway/protocol/test_headers.py::"
            "test_a_header_that_the_gateway_decides_does_not_reach_the_worker"
        ),
        why="A client jumps vLLM's queue with a header of its own",
    ),
    Fault(
        file="gateway/protocol/headers.py",
        old='    pairs["X-Request-Id"] = _text(request_id.encode("latin-1"))\n',
        new="",
        test=(
            "tests/gateway/protocol/test_headers.py::"
            "test_the_gateways_value_takes_the_place_of_the_clients"
        ),
        why="A worker's log does not name the request by the gateway's id",
    ),
    Fault(
        file="gateway/protocol/disconnect.py",
        old=(
            "        if not self._complete():\n            self._gone = True\n"
            "            self._task.cancel()"
        ),
        new="        self._gone = True\n        self._task.cancel()",
        test=(
            "tests/gateway/protocol/test_disconnect.py::"
            "test_a_client_that_leaves_after_the_last_byte_has_not_hung_up"
        ),
        why="Requests with a complete answer count as hang-ups",
    ),
    Fault(
        file="gateway/protocol/routes.py",
        old='    if _look_up(path.removeprefix("/v1")) is Treatment.STEERS:\n',
        new="    if False:\n",
        test=(
            "tests/gateway/requests/test_endpoint.py::test_what_steers_an_engine_does_not_reach_it"
        ),
        why="Any client loads adapters into the workers' engines",
    ),
    Fault(
        file="gateway/protocol/routes.py",
        old='        return Treatment.AT_ONCE if waits and method != "POST" else treatment',
        new="        return treatment",
        test="tests/gateway/protocol/test_routes.py::test_only_a_post_waits",
        why="A browser's question before a request waits behind generations",
    ),
    Fault(
        file="gateway/protocol/generating.py",
        old='Api(MessagesReader, Shape.ANTHROPIC, "messages", ',
        new='Api(MessagesReader, Shape.OPENAI, "messages", ',
        test=(
            "tests/gateway/requests/test_endpoint.py::"
            "test_a_request_sent_at_once_ends_where_no_worker_is_healthy"
        ),
        why="Clients of the Messages API cannot read the gateway's errors",
    ),
    Fault(
        file="gateway/protocol/json_pieces.py",
        old='if depth == 0 and character == "{":',
        new="if False:",
        test=(
            "tests/gateway/protocol/test_json_pieces.py::"
            "test_fields_are_set_in_a_small_object_among_much_space"
        ),
        why="A client sets its own priority at the engine, by white space behind its body",
    ),
    Fault(
        file="gateway/protocol/json_pieces.py",
        old="        self._known = self._at, place\n",
        new="",
        test=(
            "tests/gateway/protocol/test_json_pieces.py::"
            "test_the_places_of_many_equal_names_are_found_in_linear_time"
        ),
        why="A small body that repeats a name keeps all large bodies waiting for minutes",
    ),
)
