"""Choice: one sequence of an answer, made of random words."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length"]

# 64 pieces of about 4 characters, so that six random bits choose a piece. Some pieces are escaped
# in JSON or are not ASCII, so that clients are tested with both.
_VOCABULARY = (
    " the| of| and| to| in| is| that| it| for| as| with| on| are| this| be| by| from| or| an| we"
    "| can| has| not| was| at| more| when| one| all| each| so| use| time| then| their| also| may"
    "| up| into| out| data| you| they| how| first| two| most| like| over| such| if| work| way|,|."
    '|\n|\t| naïve| “quote”| "so"| 数| C:\\| —| 🙂'
)
PIECES = tuple(_VOCABULARY.split("|"))
ESCAPED = tuple(json.dumps(piece, ensure_ascii=False)[1:-1] for piece in PIECES)
"""The pieces as they stand in JSON."""

_PIECE_BITS = len(PIECES) - 1


@dataclass(slots=True, eq=False)
class Choice:
    """One sequence: its length in tokens, and how many of its tokens were sent.

    ``words`` has one byte per token, whose low six bits name the piece. A sequence that stops by
    itself ends with the end-of-sequence token, which counts but has no text, as in vLLM.
    """

    index: int
    prompt_tokens: int
    output_tokens: int
    finish_reason: FinishReason
    words: bytes
    sent: int = 0

    def next_piece(self) -> tuple[str, str | None]:
        """The next token: its JSON-escaped text, and the finish reason if it is the last."""
        position = self.sent
        self.sent += 1
        if self.sent < self.output_tokens:
            return ESCAPED[self.words[position] & _PIECE_BITS], None
        if self.finish_reason == "stop":
            return "", self.finish_reason
        return ESCAPED[self.words[position] & _PIECE_BITS], self.finish_reason

    @property
    def text(self) -> str:
        """The whole answer."""
        with_text = self.output_tokens - (self.finish_reason == "stop")
        return "".join(PIECES[word & _PIECE_BITS] for word in self.words[:with_text])


def draw_words(rng: random.Random, tokens: int) -> bytes:
    """One byte per token; a shorter draw is a prefix of a longer one with the same generator."""
    # The generator makes four bytes at a time: a shorter request would shift the last ones.
    return rng.randbytes(-(-tokens // 4) * 4)[:tokens]
