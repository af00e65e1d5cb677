"""The conversation of a request: chat messages, Responses items, Anthropic blocks, or a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from predictor.request.fields import Object, items, mapping, measure, string

CHARS_PER_TOKEN = 4

_FRAME = 26  # characters of {"name": "", "arguments": }

_CALLS = frozenset(("tool_calls", "function_call", "arguments"))
"""Fields of a message that calls a tool."""

_ROLE = {"developer": "system", "function": "tool", "ipython": "tool", "model": "assistant"}
"""Roles under the names that few clients use, and the usual name."""

_ROLE_OF_ITEM = {"function_call": "assistant", "function_call_output": "tool"}
_ROLE_OF_ITEM |= {"custom_tool_call": "assistant", "custom_tool_call_output": "tool"}
"""Items of the Responses API that have a type instead of a role."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: role, text, and characters (with tool calls and tool results)."""

    role: str
    text: str
    chars: int
    results: int = 0
    """Tool results."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a request says, as in ``Prompt``; texts are not clipped."""

    text: str = ""
    system: str = ""
    turns: int = 1
    chars: int = 0
    last_role: str = "user"
    previous_chars: int = 0
    last_chars: int = 0
    first_chars: int = 0
    tool_results: int = 0


def read_conversation(body: Object) -> Conversation:
    """The conversation of a chat, Responses, Anthropic or completion request."""
    given = body.get("messages", body.get("input"))
    if isinstance(given, list | tuple):
        top = _text(body.get("system", body.get("instructions")))
        messages = [_message(entry) for entry in given if isinstance(entry, Mapping)]
        return _summary([Message("system", top, len(top)), *messages] if top else messages)
    if isinstance(given, str):
        text, system = given, _text(body.get("instructions"))
        return Conversation(
            text, system, 1, len(text) + len(system), last_chars=len(text), first_chars=len(text)
        )
    text, chars = _completion(body.get("prompt"))
    return Conversation(text, chars=chars, last_chars=chars, first_chars=chars)


def _summary(messages: Sequence[Message]) -> Conversation:
    """The conversation that the messages make; without a user message the last one is the text."""
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    spoken = [messages[index].text for index in users if messages[index].text]
    systems = [message.text for message in messages if message.role == "system"]
    answers = [message.chars for message in messages if message.role == "assistant"]
    last = messages[-1] if messages else Message("", "", 0)
    after = messages[users[-1] + 1 :] if users else messages
    return Conversation(
        text=spoken[-1] if spoken else "" if users else last.text,
        system=systems[-1] if systems else "",
        turns=len(users),
        chars=sum(message.chars for message in messages),
        last_role=last.role,
        previous_chars=answers[-1] if answers else 0,
        last_chars=last.chars,
        first_chars=messages[users[0]].chars if users else 0,
        tool_results=sum(message.results for message in after),
    )


def _message(entry: Object) -> Message:
    """A message or item. A user's message of tool results alone (Anthropic) is a tool's."""
    role = string(entry.get("role")) or _ROLE_OF_ITEM.get(string(entry.get("type")), "")
    role = _ROLE.get(role, role)
    content = entry.get("content", entry.get("output"))
    if isinstance(content, str) and _CALLS.isdisjoint(entry):
        return Message(role, content, len(content), int(role == "tool"))
    text = _text(content)
    results = [part for part in items(content) if _type(part) == "tool_result"]
    if results and role == "user" and not text:
        role = "tool"
    said = "\n".join([_text(mapping(part).get("content")) for part in results]) if results else ""
    text = text or said
    chars = len(text) + (len(said) if text is not said else 0) + _calls(entry, content)
    return Message(role, text, chars, len(results) or int(role == "tool"))


def _calls(entry: Object, content: object) -> int:
    """Characters of the tool calls that a message makes: names, arguments and frames."""
    calls = [mapping(mapping(call).get("function")) for call in items(entry.get("tool_calls"))]
    calls += [entry, mapping(entry.get("function_call"))]
    given = [(call.get("name"), call.get("arguments")) for call in calls]
    inputs = [mapping(part) for part in items(content) if _type(part) == "tool_use"]
    given += [(part.get("name"), part.get("input")) for part in inputs]
    return sum(_size(name, arguments) for name, arguments in given if arguments is not None)


def _size(name: object, arguments: object) -> int:
    size = len(arguments) if isinstance(arguments, str) else measure(arguments)[0]
    return _FRAME + len(string(name)) + size


def _type(part: object) -> object:
    return part.get("type") if isinstance(part, Mapping) else None


def _text(content: object) -> str:
    """The text of a message's content (a string or a list of parts); an image part has no text."""
    if isinstance(content, str):
        return content
    parts = (part.get("text") if isinstance(part, Mapping) else part for part in items(content))
    return "\n".join(part for part in parts if isinstance(part, str))


def _completion(prompt: object) -> tuple[str, int]:
    """Text and characters of a completion prompt: a string, token ids, or a batch of either."""
    first = prompt
    if isinstance(prompt, list | tuple) and prompt and isinstance(prompt[0], str | list | tuple):
        first = prompt[0]
    if isinstance(first, str):
        return first, len(first)
    return "", CHARS_PER_TOKEN * len(items(first))
