"""What the features read of the lengths that a text states."""

import numpy as np

from predictor.features.asked_length import NAMES
from predictor.features.definition import LEXICAL_NAMES, Prompt, extract

COLUMNS = [LEXICAL_NAMES.index(name) for name in NAMES]


def asked(text: str) -> dict[str, float]:
    """Each column of stated lengths, in tokens."""
    row = np.expm1(extract([Prompt("m", text)]).lexical[0, COLUMNS])
    return {name: float(value) for name, value in zip(NAMES, row, strict=True)}


def limit(text: str) -> float:
    """The stated length in tokens, NaN for none."""
    return asked(text)["asked_limit"]
