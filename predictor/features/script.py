"""Features of a text's script: shares of the letters, estimated tokens, and sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Indices
from predictor.features.characters import JOINED, SCRIPTS, SYMBOL, leads, scripts_at
from predictor.features.tokens import NEWLINE, Bytes, Tokens, classes

NAMES = (*(f"script {name}" for name in SCRIPTS), "log_tokens", "log_stops", "log_questions")

_TOKENS = {"han": 0.75, "kana": 0.75, "hangul": 0.75, "thai": 0.48, "cyrillic": 0.36}
_TOKENS |= {"arabic": 0.4, "indic": 0.42, "accented": 0.7, "unknown": 0.5}
"""Tokens of one character. Counted with o200k_base on a paragraph of our own in ten languages: Han
0.91, kana and Han in Japanese 0.88, Hangul 0.80, Thai 0.45, Cyrillic 0.34, Arabic 0.38, Devanagari
0.40, Greek 0.50. The tokenizers of Qwen and DeepSeek hold more Han words and fewer words of the
others, so that their figures differ by a fifth; ours lie between. An accented letter of a European
word splits the word, which costs 0.7 of a token more often than not."""
_LETTER, _DIGIT, _MARK, _BLANK = 0.215, 0.9, 0.68, 0.0
"""Tokens of an ASCII character: least squares over CASTILLO's prompts (cl100k_base), whose counts
these figures meet within 8 % in the median; that is 4.7 characters a token of English and 3.3 of
code."""

_CODES = JOINED + 1
_ENDINGS = classes(e=".?!", c=" \t\r\n\0\"')")
"""Classes of ASCII: the end of a sentence, and what stands behind one."""
_END = np.isin(np.arange(256), list(b".?!"))
_CLOSED = np.isin(np.arange(256), list(b" \t\r\n\0\"')")) | (np.arange(256) >= 128)


def _exact(weights: Array) -> Array:
    """The weights in 64ths, whose sums are the same in any order: in a batch and alone."""
    return np.round(weights * 64) / 64


def _ascii_weights() -> NDArray[np.float64]:
    weights = np.full(256, _MARK)
    weights[:33] = weights[127:] = _BLANK
    weights[NEWLINE] = _MARK
    for start, end, worth in ((48, 58, _DIGIT), (65, 91, _LETTER), (97, 123, _LETTER)):
        weights[start:end] = worth
    return weights


_WORTH = _exact(np.array([*(_TOKENS[name] for name in SCRIPTS), _MARK, _MARK]))
_WEIGHTS = _ascii_weights()
_SUMS = np.array([_exact(_WEIGHTS), _WEIGHTS == _LETTER, (np.arange(256) & 0xC0) != 0x80]).T


def script_features(tokens: Tokens, *, counts: Indices, chars: Indices) -> Array:
    """The features NAMES of n texts, n x len(NAMES).

    A script's share is among the letters of the text; "script unknown" is the share of the letters
    of all other scripts. ``log_tokens`` is log(1 + tokens) of the whole text, which has ``chars``
    (n) characters before clipping. ``log_stops`` and ``log_questions`` are log(1 + sentences) and
    log(1 + question marks), in the stops and marks of any script. ``counts`` (n x 256) are the
    texts' ``byte_counts``.
    """
    estimate, letters, read = (counts @ _SUMS).T
    out = np.zeros((len(tokens), len(NAMES)))
    where = leads(tokens.raw)
    if len(where):
        of_scripts = _script_counts(tokens, where)
        letters += of_scripts[:, :SYMBOL].sum(axis=1)
        estimate += of_scripts @ _WORTH
        out[:, :SYMBOL] = of_scripts[:, :SYMBOL] / np.maximum(1, letters)[:, None]
    out[:, -3] = estimate * np.maximum(1, chars / np.maximum(1, read))
    if len(where):
        stops = tokens.last.searchsorted(_stops(tokens.data))
        out[:, -2] = np.bincount(stops, minlength=len(tokens))
    else:
        read_as = tokens.data.tobytes().translate(_ENDINGS)
        spans = zip(tokens.first.tolist(), tokens.last.tolist(), strict=True)
        out[:, -2] = [read_as.count(b"ec", first, last + 1) for first, last in spans]
    out[:, -1] = counts[:, ord("?")]
    out[:, -3:] = np.log1p(out[:, -3:])
    return out


def _script_counts(tokens: Tokens, where: Indices) -> Array:
    """The characters beyond ASCII, at ``where``, of each code in each text, n x _CODES."""
    row = tokens.last.searchsorted(where)
    cells = row * _CODES + scripts_at(tokens.raw, where)
    counts = np.bincount(cells, minlength=len(tokens) * _CODES)
    return counts.reshape(-1, _CODES).astype(np.float64)


def _stops(data: Bytes) -> Indices:
    """Where sentences end: a stop before a gap, or after or before a character beyond ASCII."""
    stops = _END.take(data[:-1]).nonzero()[0]
    closed = _CLOSED.take(data.take(stops + 1))
    closed |= (data.take(stops - 1, mode="clip") >= 128) & (stops > 0)
    return np.asarray(stops[closed])
