"""Faults in the emulated worker: promises to clients that it would break in silence."""

from __future__ import annotations

from tests.faults.fault import Fault

_DIALECTS = "tests/gateway/emulator/dialects"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/emulator/prompts/images.py",
        old="    _check_base64(part, data, field)\n",
        new="",
        test="tests/gateway/emulator/prompts/test_parts.py::test_a_part_without_its_content_is_refused",
        why="An image that is not base64 is counted as an image",
    ),
    Fault(
        file="gateway/emulator/context.py",
        old="            parsed.check_sampling()\n",
        new="            pass\n",
        test=(
            f"{_DIALECTS}/test_wrong_options.py::"
            "test_a_wrong_value_is_refused_with_the_name_of_its_field"
        ),
        why="Sampling parameters that vLLM refuses are accepted",
    ),
    Fault(
        file="gateway/emulator/answers/calls.py",
        old="            if len(calls) == wanted:\n",
        new="            if True:\n",
        test=(
            "tests/gateway/emulator/answers/test_calls.py::"
            "test_a_tool_that_can_be_followed_is_called_and_no_other"
        ),
        why="Tools are refused by chance",
    ),
    Fault(
        file="gateway/emulator/answers/structured/expression.py",
        old="            parser.repeats.lengthen()\n",
        new="            pass\n",
        test=(
            "tests/gateway/emulator/answers/structured/test_expression_lengths.py::"
            "test_repeats_are_drawn_to_the_demanded_length"
        ),
        why="A pattern with a minLength is refused",
    ),
    Fault(
        file="gateway/emulator/json_text.py",
        old="return text if text.isascii() else",
        new="return text if text else",
        test=(
            "tests/gateway/emulator/test_valid_json.py::"
            "test_an_echoed_half_is_the_half_that_was_sent"
        ),
        why="A half of a surrogate pair in a request ends in a 500",
    ),
    Fault(
        file="gateway/emulator/answers/make.py",
        old="parts, stop = demand.stops.cut(parts, demand.min_tokens)",
        new="stop = None",
        test=f"{_DIALECTS}/test_stops.py::test_a_stop_sequence_ends_a_message",
        why="Stop strings are ignored",
    ),
    Fault(
        file="gateway/emulator/answers/make.py",
        old='        return [*parts, Part("text", demand.format.pieces(rng, tokens))]\n',
        new="        pass\n",
        test=f"{_DIALECTS}/test_formats.py::test_chat_and_responses_parse_into_a_model",
        why="A demanded format is ignored",
    ),
    Fault(
        file="gateway/emulator/dialects/tools.py",
        old="tools = tuple(tool for tool in tools if tool.name == named)",
        new="tools = tools[:1]",
        test=f"{_DIALECTS}/test_tools.py::test_a_chat_calls_a_tool_with_fitting_arguments",
        why="Another tool is called than the one that the request names",
    ),
    Fault(
        file="gateway/emulator/answers/structured/merge.py",
        old='(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max)',
        new='(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), min)',
        test=(
            "tests/gateway/emulator/answers/structured/test_values.py::"
            "test_the_narrower_of_two_bounds_counts"
        ),
        why="A value fits only one of two schemas that it must fit",
    ),
    Fault(
        file="gateway/emulator/context.py",
        old="            refuse_unfollowed(body, request.url.path)\n",
        new="            pass\n",
        test=(
            f"{_DIALECTS}/test_reports.py::test_what_the_emulated_model_does_not_follow_is_refused"
        ),
        why="A field that the emulated model does not follow is ignored",
    ),
    Fault(
        file="gateway/emulator/dialects/responses/endpoints.py",
        old="earlier = stored.turns",
        new="earlier = []",
        test=f"{_DIALECTS}/test_responses.py::test_the_next_response_reads_the_stored_one",
        why="A response goes on from an earlier one without reading it",
    ),
    Fault(
        file="gateway/emulator/dialects/responses/background.py",
        old="return task is not None and task.cancel()",
        new="return task is not None",
        test=f"{_DIALECTS}/test_responses.py::test_a_cancelled_response_leaves_the_engine",
        why="A response that was cancelled goes on in the engine",
    ),
    Fault(
        file="gateway/emulator/app.py",
        old="[*guards, _CORS]",
        new="[*guards]",
        test=(
            "tests/gateway/emulator/test_errors.py::"
            "test_pages_of_every_origin_may_read_the_answers_as_vllms"
        ),
        why="A page that works at vLLM is refused by the emulated worker",
    ),
)
