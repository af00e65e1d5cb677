"""The APIs that generate text, each under its endpoint: all that the gateway knows of them apart.

A new API is a line of ``GENERATING``, and a reader if its answers are like no other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.protocol.dialects.choices import ChoicesReader
from gateway.protocol.dialects.messages import MessagesReader
from gateway.protocol.dialects.reader import AnswerReader
from gateway.protocol.dialects.responses import ResponsesReader
from gateway.protocol.errors import Shape


class Api(NamedTuple):
    """What sets an API apart."""

    reader: type[AnswerReader]
    """Reads its answers."""
    errors: Shape
    """The shape of its errors, also under the paths below its own."""
    prompt: str = ""
    """The field of a request that holds its prompt; "" for an API whose requests differ in that."""
    usage_in_stream: bool = False
    """Whether its streams take ``stream_options.include_usage``; the others tell their usage."""
    takes_n: bool = False
    """Whether the field ``n`` asks for several answers to each prompt."""
    token_limits: tuple[str, ...] = ()
    """Fields that limit the output tokens of a sequence; the first that is given counts. What other
    APIs call so, the server ignores."""
    batches: tuple[str, ...] = ()
    """Fields in which a request may hold several prompts, each with answers of its own."""


_CHAT_LIMITS = ("max_completion_tokens", "max_tokens")

GENERATING: Mapping[str, Api] = {
    "chat/completions": Api(
        ChoicesReader,
        Shape.OPENAI,
        "messages",
        usage_in_stream=True,
        takes_n=True,
        token_limits=_CHAT_LIMITS,
    ),
    "completions": Api(
        ChoicesReader,
        Shape.OPENAI,
        "prompt",
        usage_in_stream=True,
        takes_n=True,
        token_limits=("max_tokens",),
        batches=("prompt", "prompt_embeds"),
    ),
    "responses": Api(
        ResponsesReader, Shape.RESPONSES, "input", token_limits=("max_output_tokens",)
    ),
    "messages": Api(MessagesReader, Shape.ANTHROPIC, "messages", token_limits=("max_tokens",)),
}
"""By endpoint, a path under /v1/. The gateway forecasts the length of the text."""

_OTHER: Mapping[str, Api] = {
    "chat/completions/batch": Api(
        AnswerReader,
        Shape.OPENAI,
        "messages",
        takes_n=True,
        token_limits=_CHAT_LIMITS,
        batches=("messages",),
    ),
}
"""APIs whose answers are not read, and whose requests are."""

_ANY = Api(AnswerReader, Shape.OPENAI)

APIS = (*GENERATING.values(), *_OTHER.values())
"""All of them."""


def api_of(endpoint: str) -> Api:
    """The API of an endpoint; for one that generates no text, one that is read in part."""
    return GENERATING.get(endpoint) or _OTHER.get(endpoint, _ANY)


def reader_for(endpoint: str, sequences: int) -> AnswerReader:
    """A new reader for an answer of ``endpoint``, a path under /v1/, with so many sequences."""
    return api_of(endpoint).reader(sequences=sequences)


def shape_of(path: str) -> Shape:
    """The shape of errors for clients of a path, such as ``/v1/messages/count_tokens``."""
    version, _, endpoint = path.strip("/").partition("/")
    if version != "v1":
        return Shape.OPENAI
    above = (name for name in GENERATING if f"{endpoint}/".startswith(f"{name}/"))
    return api_of(next(above, "")).errors
