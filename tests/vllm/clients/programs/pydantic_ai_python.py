"""pydantic-ai, with its models for OpenAI's chat and responses."""

from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.vllm.clients.programs.scenarios import GREEDY, MODEL, TOO_LONG, main, plain

PROMPT = "What is the weather like in Kraków?"


class Weather(BaseModel):
    """The weather of a city."""

    warm: bool


def agent(url: str, kind: Any = OpenAIChatModel, *, model: str = MODEL, **options: Any) -> Any:
    settings: Any = {"max_tokens": 80, **GREEDY}
    sdk = AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
    provider = OpenAIProvider(openai_client=sdk)
    return Agent(kind(model, provider=provider), model_settings=settings, **options)


def messages(result: Any) -> Any:
    """What was said and counted; when, is left out."""
    said = [
        {"kind": part.part_kind, "text": getattr(part, "content", None) or getattr(part, "args", 0)}
        for message in result.all_messages()
        for part in message.parts
    ]
    return [plain(said), repr(result.usage)]


async def run(url: str) -> Any:
    result = await agent(url, system_prompt="Answer in one sentence.").run(PROMPT)
    return [result.output, messages(result)]


async def run_stream(url: str) -> Any:
    async with agent(url).run_stream(PROMPT) as result:
        text = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        return ["".join(text), messages(result)]


async def native_output(url: str) -> Any:
    result = await agent(url, output_type=NativeOutput(Weather)).run(PROMPT)
    return [plain(result.output), messages(result)]


async def responses(url: str) -> Any:
    result = await agent(url, OpenAIResponsesModel).run(PROMPT)
    return [result.output, messages(result)]


async def refused_tool_output(url: str) -> Any:
    """The model's arguments never end: the agent asks again, then gives up."""
    return (await agent(url, output_type=ToolOutput(Weather)).run(PROMPT)).output


async def refused_model(url: str) -> Any:
    return (await agent(url, model="absent").run(PROMPT)).output


async def refused_length(url: str) -> Any:
    return (await agent(url).run(TOO_LONG)).output


if __name__ == "__main__":
    main(
        run,
        run_stream,
        native_output,
        responses,
        refused_tool_output,
        refused_model,
        refused_length,
    )
