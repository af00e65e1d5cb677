"""Choice: one sequence of an answer, made of parts: text, thoughts and tool calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

FinishReason = Literal["stop", "length"]
PartKind = Literal["text", "thoughts", "call"]


@dataclass(slots=True, eq=False)
class Part:
    """A stretch of an answer that clients see as one thing; ``pieces`` has one entry per token.

    The first pieces of a call are empty: these tokens hold the call's name.
    """

    kind: PartKind
    pieces: list[str]
    name: str = ""
    call_id: str = ""

    @property
    def text(self) -> str:
        """The text of the part; of a call, its arguments."""
        return "".join(self.pieces)


class Token(NamedTuple):
    """One token of a choice: its text, the part that it belongs to, and what it begins and ends."""

    part: Part
    piece: str
    opens: bool
    """Whether the part begins here."""
    finish: FinishReason | None
    """The finish reason, with the last token."""


@dataclass(slots=True, eq=False)
class Choice:
    """One sequence: its parts, why it ends, and how many of its tokens were sent.

    A sequence that stops by itself ends with the end-of-sequence token (``ends``), which counts
    but has no text, as in vLLM. ``stop_reason`` is the stop string or the stop token's id that
    ended the text.
    """

    index: int
    prompt_tokens: int
    parts: list[Part]
    finish_reason: FinishReason
    ends: bool
    stop_reason: str | int | None = None
    output_tokens: int = 0
    sent: int = 0
    _part: int = 0
    _place: int = 0

    def __post_init__(self) -> None:
        self.output_tokens = sum(len(part.pieces) for part in self.parts) + self.ends

    def next_token(self) -> Token:
        """The next token."""
        self.sent += 1
        finish = self.finish_reason if self.sent == self.output_tokens else None
        if self.ends and finish:
            return Token(self.parts[-1] if self.parts else _NOTHING, "", not self.parts, finish)
        part, place = self.parts[self._part], self._place
        self._place += 1
        if self._place == len(part.pieces):
            self._part += 1
            self._place = 0
        return Token(part, part.pieces[place], place == 0, finish)

    def texts(self, kind: PartKind) -> str:
        """The text of all parts of a kind."""
        return "".join(part.text for part in self.parts if part.kind == kind)

    def chars_before(self, tokens: int) -> int:
        """The characters of the first ``tokens`` tokens."""
        pieces = [piece for part in self.parts for piece in part.pieces]
        return sum(map(len, pieces[:tokens]))

    @property
    def calls(self) -> list[Part]:
        """The tool calls."""
        return [part for part in self.parts if part.kind == "call"]


_NOTHING = Part("text", [])
