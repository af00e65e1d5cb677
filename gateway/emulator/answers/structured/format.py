"""AnswerFormat: the format that a request demands of its answer, and text in this format."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.expression import draw_match
from gateway.emulator.answers.structured.values import ValueWriter
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.tokens import tokenize

CHARS_PER_TOKEN = 4  # of JSON, which is mostly ASCII

ANY_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "reasons": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["answer", "reasons", "confidence"],
}
"""The schema of JSON objects where the request has none of its own."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What the whole text of the answer must be: JSON for a schema, a choice, or a match.

    ``field`` is the field of the request that demands it.
    """

    kind: Literal["json", "choice", "regex"]
    demanded: Any
    field: str

    def pieces(self, rng: random.Random, tokens: int) -> list[str]:
        """Text in this format, as tokens; about as many as wanted, if the format leaves room.

        Raises:
            VllmError: 400, the format cannot be followed.
        """
        try:
            return tokenize(self._text(rng, tokens))
        except FormatError as error:
            message = f"The emulated model cannot follow {self.field}: {error}."
            raise VllmError(message, param=self.field) from None

    def _text(self, rng: random.Random, tokens: int) -> str:
        if self.kind == "json":
            return ValueWriter(self.demanded, rng).text(CHARS_PER_TOKEN * tokens)
        if self.kind == "regex":
            return draw_match(self.demanded, rng)
        return str(rng.choice(self.demanded))
