"""Request bodies: JSON, and vLLM's errors for bodies that do not fit their schema.

Types, messages and shapes follow vLLM 0.32 (``vllm/entrypoints``).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.emulator.errors import VllmError
from gateway.emulator.sampling import SamplingFields

Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
TokenIds = list[Annotated[int, Field(ge=0)]]
TextOrTokens = TokenIds | list[TokenIds] | str | list[str]
"""One or several prompts, as texts or as token ids."""


class ModelRequest(BaseModel):
    """The field of every request."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str | None = None


class GenerationRequest(ModelRequest, SamplingFields):
    """The fields of every request for text."""

    stream: bool | None = False
    temperature: float | None = None
    seed: Int64 | None = None
    ignore_eos: bool = False
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
    except RecursionError:
        raise _invalid([_detail("nested too deep", "body")]) from None
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        named = [{**detail, "loc": _location(detail["loc"])} for detail in details]
        raise _invalid(named, _location(details[0]["loc"])) from None
    except ValueError as error:  # a number of more digits than Python reads
        raise _invalid([_detail(str(error).split(";")[0], "body")]) from None


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
