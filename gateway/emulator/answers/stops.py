"""Where the strings and tokens that a request names end an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.emulator.answers.choice import Part
from gateway.emulator.prompts.tokens import token_id


@dataclass(frozen=True, slots=True)
class Stops:
    """What ends an answer; ``shown`` leaves the string that did so in the text."""

    strings: tuple[str, ...] = ()
    token_ids: frozenset[int] = frozenset()
    shown: bool = False

    def cut(self, parts: list[Part], least: int) -> tuple[list[Part], str | int | None]:
        """The parts up to the first stop, and which one it was (None: there is none).

        The first ``least`` tokens cannot end the answer. As in vLLM, the tokens that complete a
        stop string count, although their text is not shown.
        """
        for index, part in enumerate(parts):
            kept, stop = self._cut_part(part, max(0, least))
            least -= len(part.pieces)
            if stop is not None:
                return [*parts[:index], kept], stop
        return parts, None

    def _cut_part(self, part: Part, least: int) -> tuple[Part, str | int | None]:
        text = ""
        for count, piece in enumerate(part.pieces, start=1):
            before, text = text, text + piece
            if count <= least:
                continue
            if self.token_ids and piece and token_id(piece) in self.token_ids:
                return _shortened(part, before, count), token_id(piece)
            # A string that ends earlier was found with an earlier token.
            found = [(at, s) for s in self.strings if (at := _find(text, s, len(before))) >= 0]
            if found:
                at, string = min(found)
                kept = text[: at + len(string) * self.shown]
                return _shortened(part, kept, count), string
        return part, None


def _find(text: str, string: str, known: int) -> int:
    """Where a string begins in the text that ends after ``known`` characters; -1: nowhere."""
    return text.find(string, max(0, known - len(string) + 1))


def _shortened(part: Part, text: str, tokens: int) -> Part:
    """A part of so many tokens whose text is ``text``, the beginning of the part's text."""
    pieces, left = [], text
    for piece in part.pieces[:tokens]:
        pieces.append(left[: len(piece)])
        left = left[len(piece) :]
    return Part(part.kind, pieces, part.name, part.call_id)


def strings_of(stop: str | Iterable[str] | None) -> tuple[str, ...]:
    """The stop strings of a request: none, one, or several."""
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)
