"""The openai package."""

from functools import cache
from typing import Any

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.vllm.clients.programs.scenarios import (
    ENDING,
    GREEDY,
    MESSAGES,
    MODEL,
    TOO_LONG,
    WEATHER,
    error_of,
    main,
    plain,
    wire,
)

ASK: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "max_tokens": 12, **GREEDY}
COMPLETE: dict[str, Any] = {"model": MODEL, "prompt": "One two", "max_tokens": 6, **GREEDY}
RESPOND: dict[str, Any] = {"model": MODEL, "max_output_tokens": 12, "temperature": 0}
WITH_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": WEATHER},
}
FORCED: Any = {"type": "function", "function": {"name": "weather"}}
SCHEMA: dict[str, Any] = {"name": "weather", "schema": WEATHER}
BAD_PARAMETERS: list[dict[str, Any]] = [
    {"temperature": -1},
    {"max_tokens": -1},
    {"n": 0},
    {"top_p": "much"},
    {"messages": []},
    {"messages": "Hello"},
    {"messages": [{"role": "user", "content": {"text": "Hello"}}]},
    {"messages": [{"role": "nobody", "content": "Hello"}]},
    {"stream_options": {"include_usage": True}},
    {"stream": True, "stream_options": "all"},
    {"stream": "perhaps"},
    {"response_format": {"type": "json_schema"}},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "absent"}}},
    {"tool_choice": "required"},
    {"tools": "weather"},
    {"logprobs": True, "top_logprobs": 1000},
    {"extra_body": {"min_tokens": 100}},
    {"extra_body": {"structured_outputs": {"json": "{"}}},
]


@cache
def sdk(url: str) -> Any:
    return OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)


class Weather(BaseModel):
    warm: bool


def chat(url: str) -> Any:
    return sdk(url).chat.completions.create(**ASK, logprobs=True, top_logprobs=2)


def chat_with_choices(url: str) -> Any:
    return sdk(url).chat.completions.create(**{**ASK, "temperature": 0.8}, n=2)


def chat_with_stop(url: str) -> Any:
    return sdk(url).chat.completions.create(**{**ASK, "max_tokens": 60}, stop=["e", "a"])


def chat_with_vllms_own_parameters(url: str) -> Any:
    extra = {"return_token_ids": True, "min_tokens": 3, "priority": 7, "top_k": 5}
    return sdk(url).chat.completions.create(**ASK, extra_body=extra)


def chat_of_parts(url: str) -> Any:
    parts = [{"type": "text", "text": "Hello,"}, {"type": "text", "text": "you 👋"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": "Hi"}]
    messages += [{"role": "user", "content": "And now?"}]
    return sdk(url).chat.completions.create(**{**ASK, "messages": messages})


def chat_stream(url: str) -> Any:
    return list(sdk(url).chat.completions.create(**ASK, stream=True, logprobs=True))


def chat_stream_with_usage(url: str) -> Any:
    return list(sdk(url).chat.completions.create(**{**ASK, "temperature": 0.8}, **WITH_USAGE, n=2))


def chat_wire(url: str) -> Any:
    with sdk(url).chat.completions.with_streaming_response.create(**ASK) as response:
        return wire(response)


def chat_stream_wire(url: str) -> Any:
    create = sdk(url).chat.completions.with_streaming_response.create
    answers = []
    usages: list[dict[str, Any]] = [
        {},
        {"include_usage": True},
        {"include_usage": False},
        {"include_usage": True, "continuous_usage_stats": True},
    ]
    for options in usages:
        with create(**ASK, stream=True, stream_options=options) as response:
            answers.append(wire(response))
    with create(**ASK, stream=True) as response:
        return [*answers, wire(response)]


def chat_stream_helper(url: str) -> Any:
    with sdk(url).chat.completions.stream(**ASK, extra_body=ENDING) as stream:
        events = {event.type for event in stream}
        return [sorted(events), plain(stream.get_final_completion())]


def chat_json(url: str) -> Any:
    form = {"type": "json_schema", "json_schema": SCHEMA}
    asked = {**ASK, "max_tokens": 60}
    return sdk(url).chat.completions.create(**asked, response_format=form)


def chat_parsed(url: str) -> Any:
    asked = {**ASK, "max_tokens": 60}
    return sdk(url).chat.completions.parse(**asked, response_format=Weather)


def chat_choice(url: str) -> Any:
    extra = {"structured_outputs": {"choice": ["yes", "no"]}}
    return sdk(url).chat.completions.create(**ASK, extra_body=extra)


def chat_forced_tool(url: str) -> Any:
    asked = {**ASK, "max_tokens": 60, "tools": [TOOL], "tool_choice": FORCED}
    whole = sdk(url).chat.completions.create(**asked)
    return [plain(whole), plain(list(sdk(url).chat.completions.create(**asked, stream=True)))]


def chat_required_tool(url: str) -> Any:
    asked = {**ASK, "max_tokens": 80, "tools": [TOOL], "tool_choice": "required"}
    whole = sdk(url).chat.completions.create(**asked)
    return [plain(whole), plain(list(sdk(url).chat.completions.create(**asked, **WITH_USAGE)))]


def chat_tools_and_their_results(url: str) -> Any:
    call: dict[str, Any] = {"id": "call_1", "type": "function"}
    call |= {"function": {"name": "weather", "arguments": '{"city": "Oslo", "degrees": 3}'}}
    messages = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "snow"},
    ]
    return sdk(url).chat.completions.create(**{**ASK, "messages": messages}, tools=[TOOL])


def completion(url: str) -> Any:
    return sdk(url).completions.create(**COMPLETE, echo=True, logprobs=2)


def completion_of_token_ids(url: str) -> Any:
    asked = {**COMPLETE, "prompt": [[5, 6, 7], [300, 301]]}
    return sdk(url).completions.create(**asked, extra_body={"return_token_ids": True})


def completion_with_choices(url: str) -> Any:
    asked = {**COMPLETE, "prompt": ["One", "Two"], "temperature": 0.7}
    return sdk(url).completions.create(**asked, n=2)


def completion_stream(url: str) -> Any:
    asked = {**COMPLETE, "prompt": ["One", "Two"]}
    return list(sdk(url).completions.create(**asked, **WITH_USAGE, echo=True))


def completion_stream_wire(url: str) -> Any:
    create = sdk(url).completions.with_streaming_response.create
    with create(**COMPLETE, stream=True) as response:
        return wire(response)


def responses(url: str) -> Any:
    return sdk(url).responses.create(**RESPOND, input="Hello", instructions="Be brief.")


def responses_of_items(url: str) -> Any:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And now?"},
    ]
    return sdk(url).responses.create(**RESPOND, input=items, store=False)


def responses_json(url: str) -> Any:
    form = {"format": {"type": "json_schema", **SCHEMA}}
    return sdk(url).responses.create(**{**RESPOND, "max_output_tokens": 60}, input="Hi", text=form)


def responses_stream(url: str) -> Any:
    return list(sdk(url).responses.create(**RESPOND, input="Hello", stream=True))


def responses_stream_wire(url: str) -> Any:
    create = sdk(url).responses.with_streaming_response.create
    with create(**RESPOND, input="Hello", stream=True) as response:
        return wire(response)


def responses_stored(url: str) -> Any:
    client = sdk(url)
    first = client.responses.create(**RESPOND, input="Hello", store=True)
    found = client.responses.retrieve(first.id)
    asked = {**RESPOND, "input": "And now?", "previous_response_id": first.id}
    second = client.responses.create(**asked)
    return [plain(found), found.id == first.id, plain(second)]


def responses_in_the_background(url: str) -> Any:
    client = sdk(url)
    events = list(client.responses.create(**RESPOND, input="Hello", background=True, stream=True))
    made = events[0].response
    with client.responses.retrieve(made.id, stream=True, starting_after=4) as later:
        found = list(later)
    return [plain(events), plain(found), plain(client.responses.retrieve(made.id))]


def responses_cancelled(url: str) -> Any:
    client = sdk(url)
    asked = {**RESPOND, "max_output_tokens": 3500, "extra_body": {"ignore_eos": True}}
    made = client.responses.create(**asked, input="Hello", background=True)
    return plain(client.responses.cancel(made.id))


def models(url: str) -> Any:
    listed = list(sdk(url).models.list())
    return [[model.id, model.owned_by, model.object] for model in listed]


def tokenize(url: str) -> Any:
    def post(path: str, body: dict[str, Any]) -> Any:
        return sdk(url).post(url + path, body={"model": MODEL, **body}, cast_to=object)

    counted = post("/tokenize", {"messages": MESSAGES})
    return [counted, post("/detokenize", {"tokens": counted["tokens"]})]


async def asynchronous(url: str) -> Any:
    async with AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as client:
        whole: Any = await client.chat.completions.create(**ASK)
        stream: Any = await client.chat.completions.create(**ASK, **WITH_USAGE)
        return [plain(whole), plain([chunk async for chunk in stream])]


def left_early(url: str) -> Any:
    asked = {**ASK, "max_tokens": 3500, "extra_body": {"ignore_eos": True}}
    with sdk(url).chat.completions.create(**asked, stream=True) as stream:
        return [next(stream) for _ in range(3)]


def refused_for_time(url: str) -> Any:
    asked = {**ASK, "max_tokens": 3500, "extra_body": {"ignore_eos": True}}
    return sdk(url).with_options(timeout=0.2).chat.completions.create(**asked)


def refused_for_parameters(url: str) -> Any:
    errors: list[Any] = []
    for bad in BAD_PARAMETERS:
        try:
            sdk(url).chat.completions.create(**{**ASK, **bad})
        except Exception as error:  # noqa: BLE001 (compared)
            errors.append([str(bad), error_of(error)])
        else:
            errors.append([str(bad), None])
    return errors


def refused_completion(url: str) -> Any:
    return sdk(url).completions.create(**COMPLETE, logprobs=1000)


def refused_prompt_without_text(url: str) -> Any:
    return sdk(url).completions.create(**{**COMPLETE, "prompt": []})


def refused_tokens(url: str) -> Any:
    return sdk(url).completions.create(**{**COMPLETE, "prompt": [1, 10_000_000]})


def refused_length(url: str) -> Any:
    messages = [{"role": "user", "content": TOO_LONG}]
    return sdk(url).chat.completions.create(**{**ASK, "messages": messages})


def refused_length_of_a_stream(url: str) -> Any:
    return list(sdk(url).completions.create(**{**COMPLETE, "prompt": TOO_LONG}, stream=True))


def refused_model(url: str) -> Any:
    return sdk(url).chat.completions.create(**{**ASK, "model": "absent"})


def refused_response(url: str) -> Any:
    return sdk(url).responses.retrieve("resp_absent")


def refused_embeddings(url: str) -> Any:
    return sdk(url).embeddings.create(model=MODEL, input="Hello")


def refused_path_of_moderation(url: str) -> Any:
    return sdk(url).moderations.create(model=MODEL, input="Hello")


def refused_path_of_files(url: str) -> Any:
    return list(sdk(url).files.list())


def refused_path_of_image(url: str) -> Any:
    return sdk(url).images.generate(model=MODEL, prompt="Hello")


def refused_path_of_speech(url: str) -> Any:
    return sdk(url).audio.transcriptions.create(model=MODEL, file=("a.wav", b"RIFF"))


if __name__ == "__main__":
    main(
        chat,
        chat_with_choices,
        chat_with_stop,
        chat_with_vllms_own_parameters,
        chat_of_parts,
        chat_stream,
        chat_stream_with_usage,
        chat_wire,
        chat_stream_wire,
        chat_stream_helper,
        chat_json,
        chat_parsed,
        chat_choice,
        chat_forced_tool,
        chat_required_tool,
        chat_tools_and_their_results,
        completion,
        completion_of_token_ids,
        completion_with_choices,
        completion_stream,
        completion_stream_wire,
        responses,
        responses_of_items,
        responses_json,
        responses_stream,
        responses_stream_wire,
        responses_stored,
        responses_in_the_background,
        responses_cancelled,
        models,
        tokenize,
        asynchronous,
        left_early,
        refused_for_time,
        refused_for_parameters,
        refused_completion,
        refused_prompt_without_text,
        refused_tokens,
        refused_length,
        refused_length_of_a_stream,
        refused_model,
        refused_response,
        refused_embeddings,
        refused_path_of_moderation,
        refused_path_of_files,
        refused_path_of_image,
        refused_path_of_speech,
    )
