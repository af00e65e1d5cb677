"""The encoder's input: word pieces of a prompt's beginning and end.

Training, export and inference share this module, which needs only the ``tokenizers`` package.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictor.artefact.format import ArtefactError, NotInstalledError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

HEAD_CHARS, TAIL_CHARS = 700, 500
"""Characters of the beginning and of the end that the encoder reads of a longer prompt."""

HEAD_SHARE = 0.6
"""The share of the token limit for the beginning of a prompt; the rest is for the end."""

REMEDY = "install what the refined tier needs: `pip install '.[refined]'`"
"""The remedy when ``tokenizers`` or ``onnxruntime`` cannot be loaded."""

_RETRAIN = "train again with `lengthwise train --encoder`"

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_SPECIAL = (PAD, UNKNOWN, START, END)

Ids = NDArray[np.int64]


def clip_ends(text: str) -> str:
    """The first HEAD_CHARS and the last TAIL_CHARS characters: bounds the tokenisation's cost."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]


class WordPieces:
    """Converts texts to at most ``limit`` token ids each; threads can share one converter."""

    def __init__(self, definition: str, *, limit: int) -> None:
        """``definition`` is the JSON text of a ``tokenizers`` WordPiece tokenizer.

        Raises:
            ArtefactError: the package is missing, or the text is not such a tokenizer.
        """
        self._tokenizer = _tokenizer(definition)
        start, end = (self._tokenizer.token_to_id(name) for name in (START, END))
        if limit < 4 or start is None or end is None:
            raise ArtefactError(
                f"the encoder's tokenizer lacks {START} or {END}, or its limit ({limit}) is less "
                f"than 4; {_RETRAIN}"
            )
        self.limit = limit
        self._start, self._end = start, end
        self._head = max(1, round(HEAD_SHARE * (limit - 2)))
        self._tail = limit - 2 - self._head

    def __call__(self, texts: Sequence[str]) -> list[Ids]:
        """The token ids of each text: start, pieces of its head and of its tail, end."""
        return [self._framed(self._pieces(clip_ends(text))) for text in texts]

    def _pieces(self, text: str) -> list[int]:
        # One text at a time: for a batch the package starts a thread on each core, which leaves no
        # core to the event loop. Takes 0.1 ms, outside Python's interpreter lock.
        (encoding,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids

    def _framed(self, ids: list[int]) -> Ids:
        if len(ids) > self._head + self._tail:
            ids = ids[: self._head] + ids[-self._tail :]
        return np.array([self._start, *ids, self._end], dtype=np.int64)


def _tokenizer(definition: str) -> Tokenizer:
    try:
        from tokenizers import Tokenizer as Loaded  # noqa: PLC0415 - an optional package
    except ModuleNotFoundError as error:
        raise NotInstalledError(f"tokenizers is not installed; {REMEDY}") from error
    except ImportError as error:
        raise ArtefactError(f"tokenizers cannot be loaded ({error}); {REMEDY}") from error
    try:
        tokenizer: Tokenizer = Loaded.from_str(definition)
    except Exception as error:  # the package raises nothing narrower
        raise ArtefactError(f"not the definition of a tokenizer ({error}); {_RETRAIN}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def prune(definition: str, texts: Iterable[str], *, least: int = 1) -> tuple[str, Ids]:
    """The tokenizer with only the pieces that ``texts`` use, and the old ids of the kept pieces.

    A piece with at least ``least`` occurrences is kept, and so is every single ASCII character: a
    word whose piece is dropped then still becomes several smaller pieces.
    """
    parsed: dict[str, Any] = json.loads(definition)
    vocabulary: dict[str, int] = parsed["model"]["vocab"]
    counts = np.zeros(max(vocabulary.values()) + 1, dtype=np.int64)
    for encoding in _tokenizer(definition).encode_batch([clip_ends(text) for text in texts]):
        np.add.at(counts, encoding.ids, 1)
    kept = [
        (piece, old)
        for piece, old in sorted(vocabulary.items(), key=lambda item: item[1])
        if counts[old] >= least or piece in _SPECIAL or _single_character(piece)
    ]
    parsed["model"]["vocab"] = {piece: new for new, (piece, _) in enumerate(kept)}
    parsed["added_tokens"] = [
        token | {"id": parsed["model"]["vocab"][token["content"]]}
        for token in parsed.get("added_tokens", [])
        if token["content"] in parsed["model"]["vocab"]
    ]
    parsed["post_processor"] = parsed["padding"] = parsed["truncation"] = None
    return json.dumps(parsed), np.array([old for _, old in kept], dtype=np.int64)


def _single_character(piece: str) -> bool:
    """Whether the piece is one ASCII character, at the start of a word or inside a word."""
    core = piece.removeprefix("##")
    return len(core) == 1 and core.isascii()
