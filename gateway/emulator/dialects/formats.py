"""The formats that requests demand of their answers, under the names of all APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gateway.emulator.answers.structured.format import ANY_OBJECT, AnswerFormat
from gateway.emulator.errors import VllmError

_KINDS = ("json", "choice", "regex")
_REFUSED = ("grammar", "structural_tag", "json_schema")
_CONSTRAINTS = (*_KINDS, "json_object", "grammar", "structural_tag")
_OPTIONS = ("disable_any_whitespace", "disable_additional_properties", "whitespace_pattern")
"""Of ``structured_outputs``. An option bounds which of several fitting texts is made."""


def read_format(body: dict[str, Any]) -> AnswerFormat | None:
    """The format that a request demands, or None.

    Read are ``response_format``, ``structured_outputs``, and ``guided_json``, ``guided_choice`` and
    ``guided_regex`` of older versions of vLLM; of the Responses API ``text.format``; of Anthropic's
    ``output_config.format`` and ``output_format``.

    Raises:
        VllmError: 400 that names the field, for two formats at once or one that is not followed.
    """
    found = [demanded for demanded in _formats(body) if demanded]
    if len(found) > 1:
        fields = " and ".join(demanded.field for demanded in found)
        message = f"You can only use one kind of constraints for structured outputs, not {fields}."
        raise VllmError(message, param=found[1].field)
    return found[0] if found else None


def _formats(body: dict[str, Any]) -> Iterator[AnswerFormat | None]:
    yield _typed(body.get("response_format"), "response_format")
    yield _typed(_inner(body, "text"), "text.format")
    yield _typed(_inner(body, "output_config"), "output_config.format")
    yield _typed(body.get("output_format"), "output_format")
    for kind in _KINDS:
        yield _structured(kind, body.get(f"guided_{kind}"), f"guided_{kind}")
    if body.get("guided_grammar"):
        raise _unknown("guided_grammar")
    given = body.get("structured_outputs")
    if given is not None and not isinstance(given, dict):
        raise _wrong("structured_outputs", given)
    if given is not None and all(given.get(kind) is None for kind in _CONSTRAINTS):
        message = (
            f"structured_outputs needs one of {', '.join(_CONSTRAINTS)}, and has none of them."
        )
        raise VllmError(message)
    for kind, value in (given or {}).items():
        field = f"structured_outputs.{kind}"
        if kind in _KINDS:
            yield _structured(kind, value, field)
        elif kind == "json_object" and value:
            yield AnswerFormat("json", ANY_OBJECT, field)
        elif (kind in _REFUSED and value) or kind not in (*_CONSTRAINTS, *_OPTIONS):
            raise _unknown(field)


def _typed(given: Any, field: str) -> AnswerFormat | None:
    """A format with a ``type``: text, json_object or json_schema."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise _wrong(field, given)
    kind = given.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return AnswerFormat("json", ANY_OBJECT, field)
    if kind != "json_schema":
        raise _wrong(f"{field}.type", kind)
    holder = given.get("json_schema", given)
    if not isinstance(holder, dict) or (field == "response_format" and holder is given):
        message = (
            "When response_format type is 'json_schema', the 'json_schema' field must be provided."
        )
        raise VllmError(message, param=field)
    schema = holder.get("schema")
    return AnswerFormat("json", ANY_OBJECT if schema is None else schema, field)


def _structured(kind: str, value: Any, field: str) -> AnswerFormat | None:
    """A format of vLLM's own."""
    if value is None:
        return None
    if kind == "choice":
        if not isinstance(value, list) or not value:
            raise _wrong(field, value)
        return AnswerFormat("choice", value, field)
    if kind == "regex":
        if not isinstance(value, str) or not value:
            raise _wrong(field, value)
        return AnswerFormat("regex", value, field)
    try:
        return AnswerFormat("json", json.loads(value) if isinstance(value, str) else value, field)
    except json.JSONDecodeError:
        raise _wrong(field, value) from None


def _inner(body: dict[str, Any], name: str) -> Any:
    holder = body.get(name)
    return holder.get("format") if isinstance(holder, dict) else None


def _wrong(field: str, value: Any) -> VllmError:
    shown = json.dumps(value, ensure_ascii=False)[:80]
    return VllmError(f"{field} must be a format for answers, not {shown}.", param=field)


def _unknown(field: str) -> VllmError:
    message = f"The emulated model follows JSON schemas, choices and expressions, not {field}."
    return VllmError(message, param=field)
