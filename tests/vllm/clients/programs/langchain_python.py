"""LangChain: langchain-openai and langchain-anthropic."""

from functools import reduce
from operator import add
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.vllm.clients.programs.scenarios import GREEDY, MODEL, TOO_LONG, WEATHER, main, plain

PROMPT = [("system", "Answer in one sentence."), ("human", "What is the weather like in Kraków?")]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": WEATHER},
}


class Weather(BaseModel):
    """The weather of a city."""

    warm: bool


def chat(url: str, **options: Any) -> Any:
    options = {"model": MODEL, "max_tokens": 12, "max_retries": 0, **GREEDY, **options}
    return ChatOpenAI(base_url=url + "/v1", api_key="none", **options)


def claude(url: str, **options: Any) -> Any:
    options = {"model": MODEL, "max_tokens": 12, "max_retries": 0, "temperature": 0, **options}
    return ChatAnthropic(base_url=url, api_key="none", **options)


def invoke(url: str) -> Any:
    return chat(url, logprobs=True).invoke(PROMPT)


def stream(url: str) -> Any:
    return reduce(add, chat(url, stream_usage=True).stream(PROMPT))


def batch(url: str) -> Any:
    return chat(url).batch([PROMPT, "Hello"], {"max_concurrency": 1})


def responses(url: str) -> Any:
    return chat(url, use_responses_api=True, seed=None).invoke(PROMPT)


def structured_output(url: str) -> Any:
    model = chat(url, max_tokens=60)
    return model.with_structured_output(Weather, include_raw=True).invoke(PROMPT)


def tool(url: str) -> Any:
    return chat(url, max_tokens=80).bind_tools([TOOL], tool_choice="weather").invoke(PROMPT)


def completion(url: str) -> Any:
    options: dict[str, Any] = {"model": MODEL, "max_tokens": 6, **GREEDY}
    answer = OpenAI(base_url=url + "/v1", api_key="none", **options).generate(["One two"])
    return [plain(answer.generations), answer.llm_output]


async def asynchronous(url: str) -> Any:
    model = chat(url)
    whole = await model.ainvoke(PROMPT)
    return [plain(whole), plain(reduce(add, [chunk async for chunk in model.astream(PROMPT)]))]


def anthropic_invoke(url: str) -> Any:
    return claude(url).invoke(PROMPT)


def anthropic_stream(url: str) -> Any:
    return reduce(add, claude(url).stream(PROMPT))


def anthropic_tool(url: str) -> Any:
    tool = {"name": "weather", "input_schema": WEATHER}
    return claude(url, max_tokens=80).bind_tools([tool], tool_choice="weather").invoke(PROMPT)


def refused_model(url: str) -> Any:
    return chat(url, model="absent").invoke(PROMPT)


def refused_length(url: str) -> Any:
    return chat(url).invoke(TOO_LONG)


def refused_parameter(url: str) -> Any:
    return claude(url, temperature=-1).invoke(PROMPT)


def refused_embeddings(url: str) -> Any:
    options: dict[str, Any] = {"check_embedding_ctx_length": False, "model": MODEL}
    return OpenAIEmbeddings(base_url=url + "/v1", api_key="none", **options).embed_query("Hello")


if __name__ == "__main__":
    main(
        invoke,
        stream,
        batch,
        responses,
        structured_output,
        tool,
        completion,
        asynchronous,
        anthropic_invoke,
        anthropic_stream,
        anthropic_tool,
        refused_model,
        refused_length,
        refused_parameter,
        refused_embeddings,
    )
