"""The anthropic package."""

from functools import cache
from typing import Any

from anthropic import Anthropic, AsyncAnthropic

from tests.vllm.clients.programs.scenarios import (
    GREEDY,
    MODEL,
    TOO_LONG,
    WEATHER,
    error_of,
    main,
    plain,
    wire,
)

MESSAGES: Any = [{"role": "user", "content": "What is the weather like in Kraków?"}]
ASK: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "max_tokens": 12, "extra_body": GREEDY}
TOOL: dict[str, Any] = {"name": "weather", "input_schema": WEATHER}
BAD_PARAMETERS: list[dict[str, Any]] = [
    {"max_tokens": 0},
    {"max_tokens": "many"},
    {"extra_body": {"temperature": -1}},
    {"extra_body": {"stream_options": "all"}},
    {"messages": []},
    {"messages": "Hello"},
    {"messages": [{"role": "nobody", "content": "Hello"}]},
    {"system": 5},
    {"tools": [{"name": "weather"}]},
    {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "absent"}},
    {"stop_sequences": "end"},
    {"stream": "perhaps"},
]


@cache
def sdk(url: str) -> Any:
    return Anthropic(base_url=url, api_key="none", max_retries=0)


def message(url: str) -> Any:
    return sdk(url).messages.create(**ASK, system="Answer in one sentence.")


def message_of_blocks(url: str) -> Any:
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "snow"}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hello 👋"}]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    asked = {**ASK, "messages": messages, "system": system}
    return sdk(url).messages.create(**asked, tools=[TOOL], metadata={"user_id": "7"})


def message_with_stop(url: str) -> Any:
    return sdk(url).messages.create(**{**ASK, "max_tokens": 60}, stop_sequences=["e", "a"])


def message_wire(url: str) -> Any:
    with sdk(url).messages.with_streaming_response.create(**ASK) as response:
        return wire(response)


def message_of_the_beta(url: str) -> Any:
    return sdk(url).beta.messages.create(**ASK, betas=["context-1m-2025-08-07"])


def stream(url: str) -> Any:
    return list(sdk(url).messages.create(**ASK, stream=True))


def stream_wire(url: str) -> Any:
    with sdk(url).messages.with_streaming_response.create(**ASK, stream=True) as response:
        return wire(response)


def stream_helper(url: str) -> Any:
    with sdk(url).messages.stream(**ASK) as events:
        text = "".join(events.text_stream)
        return [text, plain(events.get_final_message())]


def forced_tool(url: str) -> Any:
    choice = {"type": "tool", "name": "weather"}
    asked = {**ASK, "max_tokens": 60, "tools": [TOOL], "tool_choice": choice}
    whole = sdk(url).messages.create(**asked)
    return [plain(whole), plain(list(sdk(url).messages.create(**asked, stream=True)))]


def any_tool(url: str) -> Any:
    asked = {**ASK, "max_tokens": 80, "tools": [TOOL], "tool_choice": {"type": "any"}}
    return sdk(url).messages.create(**asked)


def count_tokens(url: str) -> Any:
    count = sdk(url).messages.count_tokens
    system = "Answer in one sentence."
    return [plain(count(model=MODEL, messages=MESSAGES, system=s)) for s in ("", system)]


async def asynchronous(url: str) -> Any:
    async with AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        whole: Any = await client.messages.create(**ASK)
        events: Any = await client.messages.create(**ASK, stream=True)
        return [plain(whole), plain([event async for event in events])]


def left_early(url: str) -> Any:
    with sdk(url).messages.create(**{**ASK, "max_tokens": 3500}, stream=True) as events:
        return [next(events) for _ in range(4)]


def refused_for_time(url: str) -> Any:
    return sdk(url).with_options(timeout=0.2).messages.create(**{**ASK, "max_tokens": 3500})


def refused_for_parameters(url: str) -> Any:
    errors: list[Any] = []
    for bad in BAD_PARAMETERS:
        try:
            sdk(url).messages.create(**{**ASK, **bad})
        except Exception as error:  # noqa: BLE001 (compared)
            errors.append([str(bad), error_of(error)])
        else:
            errors.append([str(bad), None])
    return errors


def refused_length(url: str) -> Any:
    messages = [{"role": "user", "content": TOO_LONG}]
    return sdk(url).messages.create(**{**ASK, "messages": messages})


def refused_length_of_a_stream(url: str) -> Any:
    messages = [{"role": "user", "content": TOO_LONG}]
    return list(sdk(url).messages.create(**{**ASK, "messages": messages}, stream=True))


def refused_model(url: str) -> Any:
    return sdk(url).messages.create(**{**ASK, "model": "absent"})


def refused_model_of_a_count(url: str) -> Any:
    return sdk(url).messages.count_tokens(model="absent", messages=MESSAGES)


def refused_path_of_batches(url: str) -> Any:
    return list(sdk(url).messages.batches.list())


if __name__ == "__main__":
    main(
        message,
        message_of_blocks,
        message_with_stop,
        message_wire,
        message_of_the_beta,
        stream,
        stream_wire,
        stream_helper,
        forced_tool,
        any_tool,
        count_tokens,
        asynchronous,
        left_early,
        refused_for_time,
        refused_for_parameters,
        refused_length,
        refused_length_of_a_stream,
        refused_model,
        refused_model_of_a_count,
        refused_path_of_batches,
    )
