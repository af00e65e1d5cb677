"""Reads a model's name: canonical form, family, size, version, generation and purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import log10, nan

from predictor.features.model_facts import facts
from predictor.features.reasoning import can_think

_LONGEST = 200  # characters of a name that are read: clients choose the names
_FAMILIES = (
    "qwen llama gemma phi mistral deepseek gpt glm yi falcon olmo granite command smollm "
    "internlm nemotron kimi minimax opt pythia claude gemini grok exaone lfm ernie hunyuan solar "
    "baichuan starcoder jamba dbrx mpt bloom stablelm minicpm sarashina xverse step seed-oss nova"
)
FAMILIES = _FAMILIES.split()
_DERIVED_NAMES = {
    "mistral": "mixtral ministral codestral magistral devstral pixtral voxtral zephyr starling "
    "openchat openhermes",
    "llama": "vicuna codellama alpaca tulu swallow wizardlm xwin guanaco koala hermes airoboros",
    "qwen": "qwq qvq codeqwen",
    "gpt": "chatgpt davinci o1 o3 o4",
    "gemma": "codegemma",
    "command": "c4ai aya",
    "glm": "chatglm codegeex",
}
_DERIVED = {mark: family for family, marks in _DERIVED_NAMES.items() for mark in marks.split()}

_WORDS = {"yi", "phi", "opt", "gpt", "aya", "step", "nova", "mpt", "o1", "o3", "o4", "command"}
"""Names so short or common that a letter after them makes another word."""

_FAMILY = {
    mark: re.compile(
        ("" if len(mark) > 4 or mark == "qwen" else "(?<![a-z])")
        + re.escape(mark)
        + ("(?![a-z])" if mark in _WORDS else "")
    )
    for mark in (*_DERIVED, *FAMILIES)
}
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?e?(\d+(?:\.\d+)?)b(?![a-z\d]|-\d+e)|(\d+)ba\d")
_MILLIONS = re.compile(r"(?<![a-z0-9.])(\d{2,3})m(?![a-z0-9])")
_QUANTISED = re.compile(
    r"[-_.](?:awq|gptq|fp[48]|nvfp4|mxfp[48]|nf4|int[48]|[a-z]*4bit|[a-z]*8bit|bnb|gguf|w\da\d+|"
    r"dynamic|quantized|bf16|fp16|hf|mlx|hqq|aqlm|exl[23]|\d[\d.]*bpw|(?:(?:i1|ud)[-_.])?i?q\d(?:_\w+)?"
    r")(?![a-z]).*$"
)
_VERSION = re.compile(
    r"[-_ ]?(?:(?:coder|chat|math|moe|vl|small|medium|large|opus|sonnet|haiku|oss)[-_ ]?)?"
    r"[vkm]?(\d{1,2}(?:[._]\d(?!\d))?)(?!\d*\.?\d*[bx]|\d)"
)
_HYPHENATED = re.compile(r"^(claude)-(\d)-(\d)(?!\d)")
_TAG = re.compile(r"latest|free|beta|nitro|floor|online|default|(?:i1-|ud-)?i?q\d\w*|[bf]\w?16|fp8")
_NAMELESS = re.compile(
    r"(?:checkpoint|snapshot|epoch|step|final|merged|model|v?\d)[-_\d]*|[0-9a-f]{40}"
)

_INSTRUCT = re.compile(
    r"instruct|inst(?![a-z])|-it(?![a-z])|chat|sft|dpo|rlhf|orpo|simpo|kto|ppo|hermes|assistant|"
    r"gpt|claude|gemini|grok|command|kimi|glm|deepseek|phi-[3-9]|zephyr|starling|vicuna|tulu|alpaca|"
    r"wizard|guanaco|koala|tral-(?:small|medium|large|nemo)"
)
"""Marks of tuning, and families of which only tuned models are served."""

_BASE = re.compile(r"(?<![a-z])(?:base|pretrain(?:ed)?|pt|foundation)(?![a-z])")
_PLAIN = re.compile(
    r"(llama|mistral|mixtral|gemma|qwen(?!-?3-)|yi|falcon)[-.\d]*[-\d](x\d+)?b(-v[\d.]+)?"
)
_CODE = re.compile(r"cod(?:e|ing)|sql|starcoder|devstral|program|(?<![a-z])dev(?![a-z])")
_MATH = re.compile(r"math(?!u)|prover|numina|theorem")


def canonical(name: str) -> str:
    """The lower-case name without owner, path, provider and quantisation.

    A quantised copy of a model counts as the model: the answers have the same lengths. So does the
    name under which Ollama serves a model, whose default is the instruction-tuned one.
    """
    return _canonical(name[-_LONGEST:])


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str:
    base, before = _last_part(name.strip().rstrip("/").lower()).strip(), ""
    while base != before:  # a suffix may hide another
        base, before = _plain(base).strip(), base
    return base


def _last_part(path: str) -> str:
    """The part of a path that names the model; a folder of a checkpoint does not."""
    parts = path.split("/")
    named = [part for part in parts[1:] if not _NAMELESS.fullmatch(part)] if len(parts) > 2 else []
    return (named or parts)[-1]


def _plain(base: str) -> str:
    """A lower-case name in the form of its maker's repository."""
    base = base.split("@", 1)[0].rsplit("__", 1)[-1].rsplit("--", 1)[-1]
    base, _, tag = base.partition(":")
    if not tag or _TAG.fullmatch(tag):
        return _renamed(_QUANTISED.sub("", base) or base)
    return _ollama(_renamed(_QUANTISED.sub("", f"{base}-{tag.replace(':', '-')}")))


_OWNERS = "thudm|nousresearch|microsoft|mistralai|tiiuae|ibm|lgai|openai|google|nvidia|lmsys"
_RENAMED = (
    (re.compile(rf"^(?:{_OWNERS})[-_]"), ""),
    (re.compile(r"^([a-z]+)[-_](?=\1)"), ""),  # the owner before the name
    (re.compile(r"^meta-(?=llama)"), ""),
    (re.compile(r"^(llama|gemma|granite)(?=\d)"), r"\1-"),
    (re.compile(r"^phi(?=\d)"), "phi-"),
    (re.compile(r"^qwen-(?=[1-9](?:\.\d)?-)"), "qwen"),
    (re.compile(r"(?<=instruct)-turbo$"), ""),
)
"""Other spellings of one name, and the usual one."""

_OLLAMA = (
    (re.compile(r"^((?:llama-[34]|granite-3)[\d.]*-\d+b)$"), r"\1-instruct"),
    (re.compile(r"^(qwen2(?:\.5)?(?:-coder)?-[\d.]+b)$"), r"\1-instruct"),
    (re.compile(r"^(gemma-[23]-\d+b)$"), r"\1-it"),
    (re.compile(r"^deepseek-r1-(1\.5|7|14|32)b$"), r"deepseek-r1-distill-qwen-\1b"),
    (re.compile(r"^deepseek-r1-70b$"), "deepseek-r1-distill-llama-70b"),
)
"""Names of Ollama, whose tag is the size alone, and the model that it serves under the name."""


def _renamed(base: str) -> str:
    for spelling, usual in _RENAMED:
        base = spelling.sub(usual, base)
    return base


def _ollama(base: str) -> str:
    for tagged, served in _OLLAMA:
        base = tagged.sub(served, base)
    return base


TRAIT_NAMES = ("size", "version", "year", "instruct", "reasoning", "base", "code", "math")
"""Names of ``ModelTraits.columns``."""


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """Traits that a model's name states or that are published for it.

    ``family`` ("": unknown), ``size`` (log10 of the parameters in 1e9; NaN: unknown), ``version``
    and ``year`` of release (NaN: unknown), and whether the name marks an ``instruct``, a
    ``reasoning`` (can think before it answers), a ``base``, a ``code`` or a ``math`` model.
    """

    family: str
    size: float
    version: float
    instruct: bool
    reasoning: bool
    year: float = nan
    base: bool = False
    code: bool = False
    math: bool = False

    def columns(self) -> tuple[float, ...]:
        """The traits as numbers in the order of ``TRAIT_NAMES``, without the family."""
        marks = (self.instruct, self.reasoning, self.base, self.code, self.math)
        return (self.size, self.version, self.year, *map(float, marks))


def traits(name: str) -> ModelTraits:
    """The traits of a model of that name; unknown ones are "", NaN or False."""
    return _traits(canonical(name))


@lru_cache(maxsize=4096)
def _traits(base: str) -> ModelTraits:
    family, end = _family(base)
    size, year = facts(base)
    is_base = bool(_BASE.search(base) or _PLAIN.fullmatch(base))
    thinks = can_think(base)
    return ModelTraits(
        family=family,
        size=_log_size(base, size),
        version=_version(base, end) if family else nan,
        instruct=not is_base and (thinks or bool(_INSTRUCT.search(base))),
        reasoning=thinks,
        year=year,
        base=is_base,
        code=bool(_CODE.search(base)),
        math=bool(_MATH.search(base)),
    )


def _family(base: str) -> tuple[str, int]:
    """The family whose name comes first in ``base``, and the end of that name."""
    found = [(match, mark) for mark, rule in _FAMILY.items() if (match := rule.search(base))]
    if not found:
        return "", 0
    match, mark = min(found, key=lambda pair: (pair[0].start(), -len(pair[1])))
    return _DERIVED.get(mark, mark), match.start() + (
        1 if mark in ("o1", "o3", "o4") else len(mark)
    )


def _version(base: str, end: int) -> float:
    """The version after a family's name (Claude's has a hyphen for the point)."""
    dotted = _HYPHENATED.sub(r"\1-\2.\3", base)
    found = _VERSION.match(dotted[end:])
    return float(found.group(1).replace("_", ".")) if found else nan


def _log_size(base: str, published: float) -> float:
    """log10 of the parameters in 1e9 that the name states, else of the published number."""
    billions = published
    if found := _SIZE.search(base):
        experts, size, total = found.groups()
        billions = float(total or size) * float(experts or 1)
    elif found := _MILLIONS.search(base):
        billions = int(found.group(1)) / 1000
    return log10(billions) if billions > 0 else nan
