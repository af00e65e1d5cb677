"""Reads a model's name: canonical form, family, size and version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log10

_FAMILIES = (
    "qwen llama gemma phi mistral deepseek gpt glm yi falcon olmo granite command smollm "
    "internlm nemotron kimi minimax opt pythia"
)
FAMILIES = _FAMILIES.split()
_DERIVED = dict.fromkeys(("mixtral", "ministral", "codestral", "magistral", "devstral"), "mistral")
_DERIVED |= {"vicuna": "llama", "qwq": "qwen", "codellama": "llama"}

_SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?e?(\d+(?:\.\d+)?)b(?![a-z])")
_QUANTISED = re.compile(
    r"[-_.](?:awq|gptq|fp8|nvfp4|int[48]|[a-z]*4bit|[a-z]*8bit|bnb|gguf|w\da\d+|dynamic|quantized|"
    r"bf16|fp16|hf)(?![a-z]).*$"
)
_VERSION = re.compile(r"^[-_ ]?v?(\d{1,2}(?:\.\d)?)(?!\d*b|\d*x)")
_REASONING = ("r1", "qwq", "thinking", "reasoning", "magistral", "gpt-oss", "think")


def canonical(name: str) -> str:
    """The lower-case name without owner, path and quantisation suffix.

    A quantised copy of a model counts as the model: the answers have the same lengths.
    """
    base = name.strip().rstrip("/").rsplit("/", 1)[-1].lower()
    return _QUANTISED.sub("", base)


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """Traits that a model's name states.

    ``family`` ("": unknown), ``size`` (log10 of the parameters in 1e9; NaN: unknown), ``version``
    (NaN: unknown), and whether the name marks an ``instruct`` or a ``reasoning`` model.
    """

    family: str
    size: float
    version: float
    instruct: bool
    reasoning: bool


def traits(name: str) -> ModelTraits:
    """The traits that the model's name states; others are "", NaN or False."""
    base = canonical(name)
    family, end = _family(base)
    version = _VERSION.match(base[end:]) if family else None
    return ModelTraits(
        family=family,
        size=_log_size(base),
        version=float(version.group(1)) if version else float("nan"),
        instruct=any(mark in base for mark in ("instruct", "-it", "chat")),
        reasoning=any(mark in base for mark in _REASONING),
    )


def _family(base: str) -> tuple[str, int]:
    """The family whose name comes first in ``base``, and the end of that name."""
    mentions = [
        (start, -len(mark), family)
        for mark, family in (*_DERIVED.items(), *((f, f) for f in FAMILIES))
        if (start := base.find(mark)) >= 0 and (start == 0 or not base[start - 1].isalpha())
    ]
    if not mentions:
        return "", 0
    start, minus_length, family = min(mentions)
    return family, start - minus_length


def _log_size(base: str) -> float:
    sizes = _SIZE.findall(base)
    if not sizes:
        return float("nan")
    experts, size = sizes[0]
    billions = float(size) * (float(experts) if experts else 1.0)
    return log10(billions) if billions > 0 else float("nan")
