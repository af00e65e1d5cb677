"""The fields of a request from which the predictor forecasts the length of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

HEAD_CHARS = 3000
TAIL_CHARS = 1500
CHARS_PER_TOKEN = 4

_EFFORT = {"none": 0.0, "minimal": 0.1, "low": 0.3, "medium": 0.6, "high": 1.0, "xhigh": 1.0}


def clip(text: str) -> str:
    """The first HEAD_CHARS and the last TAIL_CHARS characters: bounds the cost of a forecast."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The fields of a request that the predictor reads.

    ``text`` is the last user message or the completion prompt, ``system`` the system message,
    ``turns`` the number of user messages, and ``chars`` the characters of the whole conversation
    (0: the characters of ``text``). ``max_tokens`` truncates the forecast. The training data has
    no ``temperature``, ``top_p``, ``tools`` (number of tools offered), ``json`` (the answer has to
    be JSON), ``reasoning`` (0 off to 1 on or high; None: unset) and ``last_role``: only refits on
    served traffic use these. ``tenant`` is an opaque hash of the tenant ("": no tenant); only the
    adaptive layer's history reads the tenant.
    """

    model: str
    text: str
    max_tokens: int | None = None
    temperature: float | None = None
    system: str = ""
    turns: int = 1
    chars: int = 0
    tenant: str = ""
    top_p: float | None = None
    tools: int = 0
    json: bool = False
    reasoning: float | None = None
    last_role: str = "user"

    @classmethod
    def from_request(cls, body: Mapping[str, object]) -> Prompt:
        """The prompt of an OpenAI chat or completion request (parsed JSON).

        A field of the wrong type counts as absent and raises nothing: the worker, not the
        predictor, accepts or refuses a request.
        """
        model = body.get("model")
        limits = (_positive(body.get("max_completion_tokens")), _positive(body.get("max_tokens")))
        messages = body.get("messages")
        if isinstance(messages, list | tuple):
            text, system, turns, chars = _conversation(messages)
            last_role = _role(messages)
        else:
            text, chars = _completion(body.get("prompt"))
            system, turns, last_role = "", 1, "user"
        return cls(
            model=model if isinstance(model, str) else "",
            text=clip(text),
            max_tokens=min((limit for limit in limits if limit is not None), default=None),
            temperature=_number(body.get("temperature")),
            system=clip(system),
            turns=turns,
            chars=chars,
            top_p=_number(body.get("top_p")),
            tools=_length(body.get("tools")),
            json=_kind(body.get("response_format")) in ("json_object", "json_schema"),
            reasoning=_reasoning(body),
            last_role=last_role,
        )


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


def _kind(value: object) -> object:
    return value.get("type") if isinstance(value, Mapping) else None


def _role(messages: Sequence[object]) -> str:
    last = messages[-1] if messages else None
    role = last.get("role") if isinstance(last, Mapping) else None
    return role if isinstance(role, str) else ""


def _reasoning(body: Mapping[str, object]) -> float | None:
    """The reasoning effort, from ``enable_thinking`` or ``reasoning_effort``; None if unset."""
    options = body.get("chat_template_kwargs")
    for holder in (body, options if isinstance(options, Mapping) else {}):
        for field in ("enable_thinking", "thinking"):
            if isinstance(holder.get(field), bool):
                return float(holder[field] is True)
        effort = holder.get("reasoning_effort")
        if isinstance(effort, str) and effort in _EFFORT:
            return _EFFORT[effort]
    return None


def _positive(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 1 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def _content(content: object) -> str:
    """The text of a message's content (a string or a list of parts); an image part has no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    parts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))


def _conversation(messages: Iterable[object]) -> tuple[str, str, int, int]:
    """Last user text, system text, number of user turns, characters of all messages."""
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
    """Text and characters of a completion prompt: a string, token ids, or a batch of either."""
    first = prompt
    if isinstance(prompt, list | tuple) and prompt and isinstance(prompt[0], str | list | tuple):
        first = prompt[0]
    if isinstance(first, str):
        return first, len(first)
    return "", CHARS_PER_TOKEN * len(first) if isinstance(first, list | tuple) else 0
