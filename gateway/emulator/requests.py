"""What clients send to the emulator: vLLM's request fields, and its errors for wrong ones.

Types, messages and shapes are those of vLLM 0.32 (``vllm/entrypoints``).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MESSAGE_OVERHEAD = 4
"""Tokens a chat template puts around each message, and once for the header of the answer."""

Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
TokenIds = list[Annotated[int, Field(ge=0)]]


class VllmError(Exception):
    """An error the client gets in OpenAI's shape, with vLLM's type names and suffixes."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "BadRequestError",
        param: str | None = None,
        value: object = None,
    ) -> None:
        details = [f"parameter={param}"] if param and status == 400 else []
        details += [f"value={value}"] if value is not None else []
        super().__init__(f"{message} ({', '.join(details)})" if details else message)
        self.status = status
        self.kind = kind
        self.param = param


def error_body(message: str, kind: str, status: int, param: str | None = None) -> dict[str, Any]:
    """The JSON of an error reply."""
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}


class ModelRequest(BaseModel):
    """What every request may say."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str | None = None


class StreamOptions(BaseModel):
    """What a stream reports besides its text."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class SamplingRequest(ModelRequest):
    """The fields that chat and text completions share, those the emulator heeds."""

    n: int | None = 1
    max_tokens: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False
    seed: Int64 | None = None
    temperature: float | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    priority: Int64 = 0
    request_id: str | None = None
    vllm_xargs: dict[str, str | int | float | list[str | int | float]] | None = None

    @property
    def target_tokens(self) -> int | None:
        """The length forced on this answer, as the logits processor of our vLLM tests does.

        Raises:
            VllmError: 400, not a positive whole number.
        """
        target = (self.vllm_xargs or {}).get("target_tokens")
        if target is not None and (not isinstance(target, int) or target < 1):
            message = "target_tokens must be a positive integer"
            raise VllmError(message, param="vllm_xargs", value=target)
        return target


class Message(BaseModel):
    """One chat message; of content in parts only the text counts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text of the message, parts joined."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text") or "") for part in self.content)
        return self.content or ""


class ChatRequest(SamplingRequest):
    """POST /v1/chat/completions."""

    messages: list[Message]
    max_completion_tokens: int | None = None


class CompletionRequest(SamplingRequest):
    """POST /v1/completions."""

    prompt: TokenIds | list[TokenIds] | str | list[str] | None = None
    max_tokens: int | None = 16


class EmbeddingRequest(ModelRequest):
    """POST /v1/embeddings."""

    input: TokenIds | list[TokenIds] | str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    priority: Int64 = 0


class TokenizeRequest(ModelRequest):
    """POST /tokenize, of a prompt or of messages."""

    prompt: str | None = None
    messages: list[Message] | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a prompt is to the emulator: a text that seeds chance, and a number of tokens.

    ``body`` is the request with this prompt alone, for the length distribution.
    """

    text: str
    tokens: int
    body: dict[str, Any]

    def check_length(self, max_model_len: int) -> None:
        """Refuse a prompt that does not fit the context.

        Raises:
            VllmError: 400.
        """
        if self.tokens > max_model_len:
            raise VllmError(
                f"This model's maximum context length is {max_model_len} tokens. However, your "
                f"prompt contains {self.tokens} input tokens, which exceeds this limit even "
                "without any output tokens. Please reduce the length of the input prompt.",
                param="input_tokens",
                value=self.tokens,
            )


def text_prompts(
    given: TokenIds | list[TokenIds] | str | list[str], body: dict[str, Any], name: str
) -> list[Prompt]:
    """The prompts in a field that takes one or several, as texts or as token ids.

    Raises:
        VllmError: 400, there is none.
    """
    several = isinstance(given, list) and bool(given) and not isinstance(given[0], int)
    prompts = [_prompt(one, {**body, name: one}) for one in (given if several else [given])]
    if not all(prompt.tokens for prompt in prompts):
        raise VllmError(f"{name} must be provided and non-empty.", param=name)
    return prompts


def _prompt(given: object, body: dict[str, Any]) -> Prompt:
    if isinstance(given, str):
        return Prompt(given, count_tokens(given), body)
    assert isinstance(given, list)
    return Prompt(str(given), len(given), body)


def chat_prompt(messages: list[Message], body: dict[str, Any]) -> Prompt:
    """A conversation as one prompt, with the tokens a chat template would add."""
    text = "\n".join(f"{message.role}: {message.text}" for message in messages)
    tokens = sum(count_tokens(message.text) + MESSAGE_OVERHEAD for message in messages)
    return Prompt(text, tokens + MESSAGE_OVERHEAD, body)


def count_tokens(text: str) -> int:
    """A token for every four characters begun."""
    return -(-len(text) // 4)


def token_ids(prompt: Prompt) -> list[int]:
    """Stand-in token ids, as many as the prompt has tokens: the same for the same prompt."""
    seed = zlib.crc32(prompt.text.encode("utf-8", "surrogatepass"))
    return [zlib.crc32(b"%d" % i, seed) % 32_000 for i in range(prompt.tokens)]


RequestT = TypeVar("RequestT", bound=ModelRequest)


def parse_body(model: type[RequestT], raw: bytes) -> tuple[RequestT, dict[str, Any]]:
    """The request as its model and as the plain object.

    Raises:
        VllmError: 400, in the words of vLLM's validation handler.
    """
    try:
        body = json.loads(raw)
        return model.model_validate(body), body
    except json.JSONDecodeError as error:
        detail = {"type": "json_invalid", "loc": f"body.{error.pos}", "msg": "JSON decode error"}
        raise _invalid([detail], f"body.{error.pos}") from None
    except UnicodeDecodeError:
        raise _invalid([{"type": "json_invalid", "loc": "body", "msg": "not UTF-8"}]) from None
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        named = [{**detail, "loc": _location(detail["loc"])} for detail in details]
        raise _invalid(named, _location(details[0]["loc"])) from None


def _location(loc: tuple[int | str, ...]) -> str:
    # pydantic names the branch of a union in the path ("prompt.list[str]"): vLLM drops it.
    names = ("str", "int", "float", "nullable")
    parts = [str(p) for p in loc if "[" not in str(p) and p not in names]
    return ".".join(["body", *parts])


def _invalid(details: list[dict[str, Any]], param: str | None = None) -> VllmError:
    label = "error" if len(details) == 1 else "errors"
    lines = "".join(f"\n  {detail}" for detail in details[:10])
    error = VllmError(f"{len(details)} validation {label}:{lines}", kind="Bad Request")
    error.param = param
    return error
