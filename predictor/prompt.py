"""Prompt: the few fields of a request from which its answer's length is predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEAD_CHARS = 3000
TAIL_CHARS = 1500
CHARS_PER_TOKEN = 4


def clip(text: str) -> str:
    """The first and the last characters of ``text``: what bounds the cost of a prediction."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the predictor reads of a request.

    ``text`` is the last user message (or the completion prompt), ``system`` the system message
    and ``chars`` the length in characters of the whole conversation (0: that of ``text``).
    ``max_tokens`` truncates the prediction. ``temperature`` is carried for the served log; no
    feature reads it, because CASTILLO has one temperature a model.
    """

    model: str
    text: str
    max_tokens: int | None = None
    temperature: float | None = None
    system: str = ""
    turns: int = 1
    chars: int = 0

    @classmethod
    def from_request(cls, body: Mapping[str, object]) -> Prompt:
        """The prompt of an OpenAI chat or completion request (parsed JSON).

        Never raises on odd fields: what cannot be read counts as absent, since a prediction is
        a help and the worker is the judge of the request.
        """
        model = body.get("model")
        limits = (_positive(body.get("max_completion_tokens")), _positive(body.get("max_tokens")))
        messages = body.get("messages")
        if isinstance(messages, list | tuple):
            text, system, turns, chars = _conversation(messages)
        else:
            text, chars = _completion(body.get("prompt"))
            system, turns = "", 1
        return cls(
            model=model if isinstance(model, str) else "",
            text=clip(text),
            max_tokens=min((limit for limit in limits if limit is not None), default=None),
            temperature=_number(body.get("temperature")),
            system=clip(system),
            turns=turns,
            chars=chars,
        )


def _positive(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 1 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def _content(content: object) -> str:
    """The text of a message's content: a string or a list of parts (images have none)."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    parts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))


def _conversation(messages: Iterable[object]) -> tuple[str, str, int, int]:
    """Last user text, system text, number of user turns, characters in all."""
    text = last = system = ""
    turns = chars = 0
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        last = _content(message.get("content"))
        chars += len(last)
        match message.get("role"):
            case "user":
                text, turns = last, turns + 1
            case "system" | "developer":
                system = last
            case _:
                pass
    return (text if turns else last), system, turns, chars


def _completion(prompt: object) -> tuple[str, int]:
    """Text and characters of a completion prompt: string, token ids, or a batch of either."""
    first = prompt
    if isinstance(prompt, list | tuple) and prompt and isinstance(prompt[0], str | list | tuple):
        first = prompt[0]
    if isinstance(first, str):
        return first, len(first)
    return "", CHARS_PER_TOKEN * len(first) if isinstance(first, list | tuple) else 0
