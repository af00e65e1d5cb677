"""The words of made-up text, and how they stand in JSON."""

from __future__ import annotations

import random

from gateway.emulator.json_text import dumps

# 64 pieces of about 4 characters, so that six random bits choose a piece. Some pieces are escaped
# in JSON or are not ASCII, so that clients are tested with both.
_VOCABULARY = (
    " the| of| and| to| in| is| that| it| for| as| with| on| are| this| be| by| from| or| an| we"
    "| can| has| not| was| at| more| when| one| all| each| so| use| time| then| their| also| may"
    "| up| into| out| data| you| they| how| first| two| most| like| over| such| if| work| way|,|."
    '|\n|\t| naïve| “quote”| "so"| 数| C:\\| —| 🙂'
)
PIECES = tuple(_VOCABULARY.split("|"))

_ESCAPED = {piece: dumps(piece)[1:-1] for piece in PIECES}
_PIECE_BITS = len(PIECES) - 1


def draw_words(rng: random.Random, tokens: int) -> list[str]:
    """One piece per token; a shorter draw is a prefix of a longer one with the same generator."""
    # The generator makes four bytes at a time: a shorter request would shift the last ones.
    drawn = rng.randbytes(-(-tokens // 4) * 4)[:tokens]
    return [PIECES[byte & _PIECE_BITS] for byte in drawn]


def escaped(piece: str) -> str:
    """A piece as it stands between the quotes of a JSON string."""
    known = _ESCAPED.get(piece)
    return dumps(piece)[1:-1] if known is None else known
