"""The format that a request demands of the answer: JSON, a schema, a choice, an expression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from predictor.request.fields import Object, document, items, mapping, measure, string

BYTES_PER_TOKEN = 3
"""Of a choice: labels have fewer bytes a token than prose (4)."""

_END = 2  # tokens: the end of the answer, and a token that only begins in the choice
_MOST_CHOICES = 1_000
_LONGEST = 20_000  # characters of an expression that is looked at
_REPEATED = re.compile(r"\{(?:\d+,)?(\d{1,6})\}")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}|\)\{")
"""Repeats without an upper bound, and repeated groups."""

_KINDS = ("json", "choice", "regex")
_FORMATS = ("response_format", "text", "output_format", "output_config", "structured_outputs")
_FIELDS = frozenset((*_FORMATS, *(f"guided_{kind}" for kind in _KINDS)))
_JSON_TYPES = ("json_object", "json_schema")


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The format demanded, as in ``Prompt``."""

    json: bool = False
    schema_chars: int = 0
    schema_fields: int = 0
    answer_limit: int | None = None


def read_answer_format(body: Object) -> AnswerFormat:
    """The format of OpenAI's and Anthropic's fields and of vLLM's structured outputs."""
    if _FIELDS.isdisjoint(body):
        return AnswerFormat()
    demands = list(_demands(body))
    is_json = any(kind == "json" for kind, _ in demands)
    schemas = [document(value) for kind, value in demands if kind == "json"]
    chars, fields = max((measure(s) for s in schemas if isinstance(s, dict)), default=(0, 0))
    limits = [limit for kind, value in demands if (limit := _limit(kind, value)) is not None]
    return AnswerFormat(is_json, chars, fields, min(limits, default=None))


def _demands(body: Object) -> Iterator[tuple[str, object]]:
    """(json, choice or regex, what the request demands of it)."""
    structured = mapping(body.get("structured_outputs"))
    for kind in _KINDS:
        for value in (body.get(f"guided_{kind}"), structured.get(kind)):
            if value is not None and value is not False:
                yield kind, value
    if structured.get("json_object") is True:
        yield "json", None
    formats = (body.get("response_format"), mapping(body.get("text")).get("format"))
    anthropic = (body.get("output_format"), mapping(body.get("output_config")).get("format"))
    for given in map(mapping, (*formats, *anthropic)):
        if given.get("type") in _JSON_TYPES:
            yield "json", mapping(given.get("json_schema")).get("schema", given.get("schema"))


def _limit(kind: str, value: object) -> int | None:
    """The most tokens of an answer that is one of the choices or matches the expression."""
    if kind == "choice":
        texts = [string(choice) for choice in items(value)[:_MOST_CHOICES]]
        return max(map(_tokens, texts), default=None)
    expression = string(value) if kind == "regex" else ""
    if not 0 < len(expression) <= _LONGEST or _UNBOUNDED.search(expression):
        return None
    repeats = sum(int(number) for number in _REPEATED.findall(expression))
    return _tokens(expression) + repeats


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + _END
