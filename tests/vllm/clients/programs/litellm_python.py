"""The litellm package."""

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices

import litellm

from tests.vllm.clients.programs.scenarios import (
    GREEDY,
    MESSAGES,
    MODEL,
    TOO_LONG,
    WEATHER,
    main,
    plain,
)

ASK: dict[str, Any] = {"messages": MESSAGES, "max_tokens": 12, "num_retries": 0, **GREEDY}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": WEATHER},
}


def at(url: str, provider: str = "hosted_vllm") -> dict[str, Any]:
    return {"model": f"{provider}/{MODEL}", "api_base": url + "/v1", "api_key": "none"}


def whole(chunks: Any) -> Any:
    """The answer that the chunks of a stream make up, and the last chunk."""
    every = list(chunks)
    return [plain(litellm.stream_chunk_builder(every)), plain(every[-1])]


def completion(url: str) -> Any:
    return [
        plain(litellm.completion(**at(url, provider), **ASK, logprobs=True))
        for provider in ("hosted_vllm", "openai")
    ]


def stream(url: str) -> Any:
    return whole(litellm.completion(**at(url), **ASK, stream=True))


def stream_with_usage(url: str) -> Any:
    options = {"include_usage": True}
    return whole(litellm.completion(**at(url), **ASK, stream=True, stream_options=options))


def tool(url: str) -> Any:
    asked = {**ASK, "max_tokens": 80, "tools": [TOOL], "tool_choice": "required"}
    return litellm.completion(**at(url), **asked)


def json_schema(url: str) -> Any:
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    return litellm.completion(**at(url), **{**ASK, "max_tokens": 60}, response_format=form)


def text_completion(url: str) -> Any:
    asked = {"prompt": "One two", "max_tokens": 6, **GREEDY}
    return litellm.text_completion(**at(url, "text-completion-openai"), **asked)


def responses(url: str) -> Any:
    asked = {"input": "Hello", "max_output_tokens": 6, "temperature": 0}
    answer = plain(litellm.responses(**at(url, "openai"), **asked))
    del answer["id"]  # litellm's own, with the server's inside
    return answer


async def anthropic_messages(url: str) -> Any:
    place = {"model": f"anthropic/{MODEL}", "api_base": url, "api_key": "none"}
    return await litellm.acompletion(**place, **{**ASK, "seed": None})


async def asynchronous(url: str) -> Any:
    answer = await litellm.acompletion(**at(url), **ASK)
    chunks = await litellm.acompletion(**at(url), **ASK, stream=True)
    return [plain(answer), whole([chunk async for chunk in chunks])]


def refused_model(url: str) -> Any:
    return litellm.completion(**{**at(url), "model": "hosted_vllm/absent"}, **ASK)


def refused_parameter(url: str) -> Any:
    return litellm.completion(**at(url), **{**ASK, "temperature": -1})


def refused_length(url: str) -> Any:
    return litellm.completion(
        **at(url), **{**ASK, "messages": [{"role": "user", "content": TOO_LONG}]}
    )


def refused_embeddings(url: str) -> Any:
    return litellm.embedding(**at(url), input=["Hello"])


if __name__ == "__main__":
    main(
        completion,
        stream,
        stream_with_usage,
        tool,
        json_schema,
        text_completion,
        responses,
        anthropic_messages,
        asynchronous,
        refused_model,
        refused_parameter,
        refused_length,
        refused_embeddings,
    )
