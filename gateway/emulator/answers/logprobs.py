"""Made-up log probabilities: those of a token and of the most likely tokens in its place."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from gateway.emulator.answers.choice import Choice
from gateway.emulator.answers.words import PIECES
from gateway.emulator.errors import VllmError

MOST = 20
"""The most alternatives that a request may ask for, as in vLLM by default."""

END_TEXT = "</s>"
MARK_TEXT = "<|>"
"""How the end-of-sequence token, and tokens without text, are named."""


class TokenLogprob(NamedTuple):
    """A token, its log probability, and the most likely tokens with theirs: first the token."""

    token: str
    logprob: float
    top: list[tuple[str, float]]


def token_logprob(piece: str, position: int, top: int) -> TokenLogprob:
    """The log probabilities at a position. The same token at the same place has the same ones."""
    rng = random.Random(f"{position}|{piece}".encode("utf-8", "surrogatepass"))
    likely = rng.uniform(0.5, 0.95)
    ranked = [(piece, math.log(likely))]
    rest = 1 - likely
    for other in rng.sample(PIECES, min(top, len(PIECES) - 1)):
        rest /= 2
        if other != piece:
            ranked.append((other, math.log(rest)))
    return TokenLogprob(piece, ranked[0][1], ranked[: max(1, top)])


def choice_logprobs(choice: Choice, top: int) -> list[TokenLogprob]:
    """The log probabilities of all tokens of a choice, in order."""
    pieces = [piece or MARK_TEXT for part in choice.parts for piece in part.pieces]
    pieces += [END_TEXT] * choice.ends
    return [token_logprob(piece, place, top) for place, piece in enumerate(pieces)]


def last_logprob(choice: Choice, piece: str, top: int) -> TokenLogprob:
    """The log probabilities of the token that ``choice.next_token`` has just given."""
    at_end = choice.ends and choice.sent == choice.output_tokens
    shown = piece or (END_TEXT if at_end else MARK_TEXT)
    return token_logprob(shown, choice.sent - 1, top)


def check_logprobs(number: int | None, field: str) -> None:
    """Refuse a number of alternatives that vLLM refuses.

    Raises:
        VllmError: 400 that names ``field``.
    """
    if number is not None and number < 0:
        message = f"`{field}` must be a positive value, got {number}."
        raise VllmError(message, param=field, value=number)
    if number is not None and number > MOST:
        message = (
            f"Requested sample logprobs of {number} in {field}, which is greater than max allowed: "
            f"{MOST}"
        )
        raise VllmError(message, param="logprobs", value=number)
