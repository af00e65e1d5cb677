"""What a model's name in a set says: the model without its mode, the effort, the base model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from predictor.features.reasoning import can_think, thinking_model
from predictor.prompt import ANSWER_ALONE

_MODE = re.compile(r"[-:_](nothink|think|thinking|thk|high|medium|low|high-long|streaming)$", re.I)
_OFFICIAL = ("kimi-vl-a3b-thinking",)  # the mode is a part of the model's own name
_HIDDEN = 1.4  # times the tokens of the visible text: thinking is in the count, not in the text
_NOISE = re.compile(
    r"_output(?:_qa_prompt)?$|-hf$|^models_(?=gemini)|^(?:qwen|openai|deepseek)_|\.run\d$"
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


def reasoning(name: str, row: Mapping[str, Any], visible: float) -> float | None:
    """The effort of thinking that an answer's length contains, to 1; None: no thinker.

    ``row`` is a row of the lengths, ``visible`` the native tokens of the answer's text (NaN:
    unknown). A length without thinking is ANSWER_ALONE, also of a model that cannot but think:
    some sets did not count the thinking (R1 and Qwen3 where the text was cut to the answer).
    """
    hidden = bool(row.get("native")) and row["response_tokens"] > _HIDDEN * visible
    if row.get("reasoning_tokens") or row.get("reasoning_hidden"):
        return thinking_model(name).effort or 1.0
    if not can_think(name) and not can_think(plain_name(name)):
        return None
    return (thinking_model(name).effort or 1.0) if hidden else ANSWER_ALONE


def base(name: str) -> str:
    """The base model from which the model ``name`` is tuned, in lower case, as far as it tells."""
    short = name.rsplit("/", 1)[-1].lower()
    found = _BASE.search(short)
    return found.group().replace("-", "") if found else re.split(r"[-_\d.]", short, maxsplit=1)[0]
