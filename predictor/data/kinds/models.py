"""What a model's name in a set says: the model without its mode, the effort, the base model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MODE = re.compile(r"[-:_](nothink|think|thinking|thk|high|medium|low|high-long|streaming)$", re.I)
_OFFICIAL = ("kimi-vl-a3b-thinking",)  # the mode is a part of the model's own name
_EFFORT = {"low": 0.3, "medium": 0.6, "nothink": 0.0}
_NOISE = re.compile(
    r"_output(?:_qa_prompt)?$|-hf$|^models_(?=gemini)|^(?:qwen|openai|deepseek)_|\.run\d$"
)
_THINKS = re.compile(
    r"r1(?!\d)|qwq|qwen-?3|think|thk|reason|magistral|gpt-oss|glm-(?:4-)?z1|glm-4\.[56]|minimax-m|"
    r"(?<![a-z\d])o[134](?!\d)|grok-(?:3-mini|4)|gemini-2\.5|claude-(?:4|opus-4|sonnet-4|3[-.]7)|"
    r"deephermes|nemotron",
    re.I,
)
_BASE = re.compile(
    r"qwq|qwen-?\d(?:\.5)?|llama-?\d(?:\.\d)?|nemo|mixtral|mistral-small|mistral|unphi-?4|phi-?\d|gemma-?\d?|"
    r"deepseek|gpt-oss|gpt|claude|gemini|command|yi-|glm|baichuan|internlm|swallow|calm|llm-jp|"
    r"sarashina|rakuten|tanuki|granite|olmo|eurus|vicuna|lemur|agentlm|grok|o\d-",
    re.I,
)


def plain_name(name: str) -> str:
    """The model's name without the set's marks and without the mode of thinking."""
    plain = _NOISE.sub("", name)
    if plain.rsplit("/", 1)[-1].lower() in _OFFICIAL:
        return plain
    return _MODE.sub("", plain)


def reasoning(name: str, row: Mapping[str, Any]) -> float | None:
    """The effort of thinking that an answer's length contains: 0 none, 1 full; None: no thinker.

    Thinking that the set did not count (R1 and Qwen3 where the text was cut to the answer) is
    effort 0, because the length is that of an answer alone.
    """
    mode = _MODE.search(_NOISE.sub("", name))
    named = mode.group(1).lower().split("-")[0] if mode else ""
    if (row.get("reasoning_tokens") or 0) > 0 or row.get("reasoning_hidden"):
        return _EFFORT.get(named, 1.0)
    if not _THINKS.search(name):
        return None
    counted = bool(row.get("native")) and named != "nothink" and "r1" in name.lower()
    return 1.0 if counted else 0.0


def base(name: str) -> str:
    """The base model from which the model ``name`` is tuned, in lower case, as far as it tells."""
    short = name.rsplit("/", 1)[-1].lower()
    found = _BASE.search(short)
    return found.group().replace("-", "") if found else re.split(r"[-_\d.]", short, maxsplit=1)[0]
