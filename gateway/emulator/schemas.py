"""Request bodies: the fields that the emulator uses, and vLLM's errors for invalid bodies.

Types, messages and shapes follow vLLM 0.32 (``vllm/entrypoints``).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.emulator.errors import VllmError

Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
TokenIds = list[Annotated[int, Field(ge=0)]]
TextOrTokens = TokenIds | list[TokenIds] | str | list[str]
"""One or several prompts, as texts or as token ids."""


class ModelRequest(BaseModel):
    """The field of every request."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str | None = None


class StreamOptions(BaseModel):
    """What a stream reports besides its text."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class SamplingRequest(ModelRequest):
    """The fields of both chat and text completions."""

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
        """The length that the request forces on its answer, in tokens; None if it forces none.

        The logits processor of the tests with a real vLLM reads the same field.

        Raises:
            VllmError: 400, the target is not a positive whole number.
        """
        target = (self.vllm_xargs or {}).get("target_tokens")
        if target is not None and (not isinstance(target, int) or target < 1):
            message = "target_tokens must be a positive integer"
            raise VllmError(message, param="vllm_xargs", value=target)
        return target


class Message(BaseModel):
    """One chat message; of a content in parts only the text counts."""

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

    prompt: TextOrTokens | None = None
    max_tokens: int | None = 16


class EmbeddingRequest(ModelRequest):
    """POST /v1/embeddings."""

    input: TextOrTokens
    encoding_format: Literal["float", "base64"] = "float"
    priority: Int64 = 0


class TokenizeRequest(ModelRequest):
    """POST /tokenize, with a prompt or with messages."""

    prompt: str | None = None
    messages: list[Message] | None = None


RequestT = TypeVar("RequestT", bound=ModelRequest)


def parse_body(schema: type[RequestT], raw: bytes) -> tuple[RequestT, dict[str, Any]]:
    """The request as ``schema``, and as the JSON object.

    Raises:
        VllmError: 400, in the words of vLLM's validation handler.
    """
    try:
        body = json.loads(raw)
        return schema.model_validate(body), body
    except json.JSONDecodeError as error:
        place = f"body.{error.pos}"
        raise _invalid([_detail("JSON decode error", place)], place) from None
    except UnicodeDecodeError:
        raise _invalid([_detail("not UTF-8", "body")]) from None
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        named = [{**detail, "loc": _location(detail["loc"])} for detail in details]
        raise _invalid(named, _location(details[0]["loc"])) from None


def _detail(message: str, place: str) -> dict[str, str]:
    return {"type": "json_invalid", "loc": place, "msg": message}


def _location(loc: tuple[int | str, ...]) -> str:
    # pydantic names the branch of a union in the path ("prompt.list[str]"); vLLM drops it.
    branches = ("str", "int", "float", "nullable")
    parts = [str(part) for part in loc if "[" not in str(part) and part not in branches]
    return ".".join(["body", *parts])


def _invalid(details: list[dict[str, Any]], param: str | None = None) -> VllmError:
    label = "error" if len(details) == 1 else "errors"
    lines = "".join(f"\n  {detail}" for detail in details[:10])
    error = VllmError(f"{len(details)} validation {label}:{lines}", kind="Bad Request")
    error.param = param
    return error
