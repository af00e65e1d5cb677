"""What a model's name tells: its family, version and size, and the model that it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log10

_FAMILIES = (
    "qwen llama gemma phi mistral deepseek gpt glm yi falcon olmo granite command smollm "
    "internlm nemotron kimi minimax opt pythia"
)
FAMILIES = _FAMILIES.split()
_KIN = {
    "mixtral": "mistral",
    "ministral": "mistral",
    "codestral": "mistral",
    "magistral": "mistral",
}
_KIN |= {"devstral": "mistral", "vicuna": "llama", "qwq": "qwen", "codellama": "llama"}

_SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?e?(\d+(?:\.\d+)?)b(?![a-z])")
_QUANTISED = re.compile(
    r"[-_.](?:awq|gptq|fp8|nvfp4|int[48]|[a-z]*4bit|[a-z]*8bit|bnb|gguf|w\da\d+|dynamic|quantized|"
    r"bf16|fp16|hf)(?![a-z]).*$"
)
_VERSION = re.compile(r"^[-_ ]?v?(\d{1,2}(?:\.\d)?)(?!\d*b|\d*x)")
_REASONING = ("r1", "qwq", "thinking", "reasoning", "magistral", "gpt-oss", "think")


def canonical(name: str) -> str:
    """The name without its owner, path, quantisation suffix and case.

    An AWQ copy of a known model is that model, as far as lengths go.
    """
    base = name.strip().rstrip("/").rsplit("/", 1)[-1].lower()
    return _QUANTISED.sub("", base)


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """Family name ("" when unknown), log10 of the parameters in 1e9 (NaN), version, habits."""

    family: str
    size: float
    version: float
    instruct: bool
    reasoning: bool


def traits(name: str) -> ModelTraits:
    """Read the traits of a model from its name; what the name does not tell is NaN or False."""
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
    """The family whose name stands first in ``base``, and where it ends."""
    found = [
        (at, -len(mark), family)
        for mark, family in (*_KIN.items(), *((f, f) for f in FAMILIES))
        if (at := base.find(mark)) >= 0 and (at == 0 or not base[at - 1].isalpha())
    ]
    if not found:
        return "", 0
    at, size, family = min(found)
    return family, at - size


def _log_size(base: str) -> float:
    sizes = _SIZE.findall(base)
    if not sizes:
        return float("nan")
    experts, size = sizes[0]
    billions = float(size) * (float(experts) if experts else 1.0)
    return log10(billions) if billions > 0 else float("nan")
