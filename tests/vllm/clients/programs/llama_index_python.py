"""LlamaIndex: llama-index-llms-openai-like."""

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from tests.vllm.clients.programs.scenarios import GREEDY, MODEL, TOO_LONG, main, plain

MESSAGES = [
    ChatMessage(role="system", content="Answer in one sentence."),
    ChatMessage(role="user", content="What is the weather like in Kraków?"),
]


def llm(url: str, **options: Any) -> Any:
    options = {"model": MODEL, "max_tokens": 12, "is_chat_model": True, **options}
    sampling = {"seed": GREEDY["seed"]}
    return OpenAILike(
        api_base=url + "/v1",
        api_key="none",
        temperature=0,
        max_retries=0,
        context_window=4096,
        additional_kwargs=sampling,
        **options,
    )


def weather(warm: bool) -> str:
    """Tell the weather."""
    return str(warm)


def whole(parts: Any) -> Any:
    """The text that the parts of a stream make up, and the last part."""
    every = list(parts)
    return [
        "".join(part.delta or "" for part in every),
        plain({**every[-1].model_dump(), "delta": ""}),
    ]


def chat(url: str) -> Any:
    return llm(url).chat(MESSAGES)


def chat_stream(url: str) -> Any:
    return whole(llm(url).stream_chat(MESSAGES))


def complete(url: str) -> Any:
    model = llm(url, is_chat_model=False)
    return [plain(model.complete("One two")), whole(model.stream_complete("One two"))]


def tool(url: str) -> Any:
    model = llm(url, is_function_calling_model=True, max_tokens=80)
    made = FunctionTool.from_defaults(weather)
    return model.chat_with_tools([made], user_msg="The weather?", tool_required=True)


async def asynchronous(url: str) -> Any:
    model = llm(url)
    answer = await model.achat(MESSAGES)
    return [plain(answer), whole([part async for part in await model.astream_chat(MESSAGES)])]


def refused_model(url: str) -> Any:
    return llm(url, model="absent").chat(MESSAGES)


def refused_length(url: str) -> Any:
    return llm(url, is_chat_model=False).complete(TOO_LONG)


if __name__ == "__main__":
    main(chat, chat_stream, complete, tool, asynchronous, refused_model, refused_length)
