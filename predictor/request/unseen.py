"""What the model reads of a request beyond the characters of its messages and tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from predictor.request.fields import Object, items, mapping, string

_KINDS = ("image", "audio", "video", "file", "document")
"""Words in the type of a part that is no text: ``image_url``, ``input_audio``, ``document``."""

_EARLIER = ("previous_response_id", "conversation", "documents")
"""Fields of a request that stand for text kept by the server, or that a chat template adds."""

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Fields of an earlier answer's thinking. A chat template may show it to the model or not."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Attachments (images, sounds, films, files), and whether the model may read more still."""

    attachments: int = 0
    text: bool = False


def read_unseen(body: Object) -> Unseen:
    """The attachments of a chat, Responses or Anthropic request, and whether text is unseen.

    Text is unseen where the request refers to earlier text, repeats an earlier answer's thinking,
    or forbids the use of its tools (servers differ in whether the model still reads them).
    """
    entries = [mapping(entry) for entry in items(body.get("messages", body.get("input")))]
    attachments = sum(_is_attachment(part) for part in _parts(entries))
    choice = body.get("tool_choice")
    forbidden = bool(body.get("tools")) and (mapping(choice).get("type") or choice) == "none"
    thoughts = any(entry.get(name) for entry in entries for name in _THOUGHTS)
    earlier = any(body.get(name) for name in _EARLIER)
    return Unseen(attachments, forbidden or thoughts or earlier)


def _parts(entries: Iterable[Object]) -> Iterator[Object]:
    """The parts of messages, and the parts of a tool result (Anthropic)."""
    for entry in entries:
        for part in map(mapping, items(entry.get("content", entry.get("output")))):
            yield part
            yield from map(mapping, items(part.get("content")))


def _is_attachment(part: Object) -> bool:
    kind = string(part.get("type"))
    return any(word in kind for word in _KINDS)
