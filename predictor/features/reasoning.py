"""Whether a request makes its model think before it answers, and with what effort.

The model's name says whether it can think, whether it does so unasked and whether that can be
switched; the request holds the switches (``Prompt.reasoning``, ``Prompt.thinking_budget``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from predictor.prompt import ANSWER_ALONE, Prompt

NEVER, FIXED, LEVELS, SWITCHED = "never", "fixed", "levels", "switched"
"""A model never thinks; always thinks; always thinks with the effort asked for; can be switched."""

RULES = (
    # Suffixes by which lists of models and fine-tunes mark a run with thinking off or on.
    (r"no-?think|non-?think|non-?reason", NEVER, 0.0),
    (r"think|reason", FIXED, 1.0),
    # Nous Research's model cards: by the system message, whichever model it is tuned from.
    (r"deephermes", SWITCHED, 0.0),
    # DeepSeek's model cards: R1 and its distilled models always think; V3.1 and later think with
    # `thinking=True` of the chat template only; V3.2-Speciale and the API's "reasoner" always do.
    (r"(?<![a-z0-9])r1(?![0-9.])|deepseek-?r1|speciale", FIXED, 1.0),
    (r"deepseek-?(chat-)?v(3\.[1-9]|[4-9])", SWITCHED, 0.0),
    (r"deepseek", NEVER, 0.0),
    # Qwen's model cards: QwQ and QvQ always think; Qwen3 does unless `enable_thinking=False` or
    # `/no_think`; its Instruct, Coder and Max models and all of Qwen2.5 never do.
    (r"qwq|qvq", FIXED, 1.0),
    (r"qwen-?3(?![0-9b]).*(instruct|coder|max|embed)", NEVER, 0.0),
    (r"qwen-?3(?![0-9b])", SWITCHED, 1.0),
    (r"qwen", NEVER, 0.0),
    # OpenAI: gpt-oss, GPT-5 and the o-series always think, by default at medium effort; GPT-5.1
    # and later think if an effort is given; chat models and GPT-4 and before never do.
    (r"gpt-?oss", LEVELS, 0.6),
    (r"gpt-?5.*chat", NEVER, 0.0),
    (r"gpt-?5\.[1-9]", SWITCHED, 0.0),
    (r"gpt-?5|(?<![a-z0-9])o[134](?![a-z0-9])", LEVELS, 0.6),
    (r"gpt|davinci", NEVER, 0.0),
    # Anthropic's documentation: from 3.7 on with `thinking` of the request only.
    (r"claude-?(instant|v?[12]|3-(haiku|opus|sonnet|5)|3\.5)", NEVER, 0.0),
    (r"claude", SWITCHED, 0.0),
    # Google's documentation: 2.5 Pro and 3 cannot stop, 2.5 Flash can, Flash-Lite is off.
    (r"gemini-2\.5-flash-lite", SWITCHED, 0.0),
    (r"gemini-2\.5-flash", SWITCHED, 1.0),
    (r"gemini-(2\.5|[3-9])", LEVELS, 1.0),
    (r"gemini|gemma(?!-?[4-9](?![0-9b]))", NEVER, 0.0),
    # xAI's documentation: mini models of Grok 3 by effort (low by default), Grok 4 always.
    (r"grok-3-mini", LEVELS, 0.3),
    (r"grok-[4-9]", FIXED, 1.0),
    (r"grok", NEVER, 0.0),
    # Model cards of Zhipu: Z1 always; from GLM-4.5 on unless `enable_thinking=False`.
    (r"glm-?(4-?)?z1", FIXED, 1.0),
    (r"glm-?(4\.[5-9]|[5-9](?![0-9b]))", SWITCHED, 1.0),
    (r"glm", NEVER, 0.0),
    # Model cards of Mistral AI: Magistral's system message makes it think; the others never do.
    (r"magistral", SWITCHED, 1.0),
    (r"mistral|mixtral|ministral|pixtral|voxtral|codestral|devstral", NEVER, 0.0),
    # Model cards of NVIDIA: Nemotron Super and Nano from 2025 on by system message or switch.
    (r"nemotron-?(70b|mini|4-340b)|nemotron-?4(?!\d)", NEVER, 0.0),
    (r"nemotron.*(v1|super|ultra|nano)", SWITCHED, 1.0),
    # Model cards of MiniMax, Moonshot AI and StepFun.
    (r"minimax-?m[1-9]", FIXED, 1.0),
    (r"kimi-?k2\.5|kimi-?k[3-9]", SWITCHED, 1.0),
    (r"kimi-?k1", FIXED, 1.0),
    (r"kimi|minimax", NEVER, 0.0),
    (r"(?<![a-z])step-?3(?!\d)", FIXED, 1.0),
    # Model cards: LG's EXAONE Deep always, EXAONE 4 by `enable_thinking`.
    (r"exaone-?deep", FIXED, 1.0),
    (r"exaone-?[4-9]", SWITCHED, 0.0),
    # Model cards: think unless `enable_thinking=False`, `/no_think` or a budget of 0.
    (r"smollm-?3|hunyuan-?(a13b|[0-9.]+b)|seed-?oss|mimo-?7b-?rl", SWITCHED, 1.0),
    # Model cards: think if `thinking=True`, `enable_thinking=True` or the system message says so.
    (r"granite-?3\.[23]|cogito|hermes-?[4-9]|mimo-?v2|internlm-?3", SWITCHED, 0.0),
    # Models trained on long thoughts only, by their cards.
    (r"sky-?t1|deepscaler|deepcoder|skywork-?or1|(?<![a-z0-9])(ring|limo|s1)-", FIXED, 1.0),
    (r"fuseo1|marco-?o1|apriel", FIXED, 1.0),
    # Families whose cards know no thinking.
    (r"llama|phi|command|(?<![a-z])yi(?![a-z])|falcon|olmo|granite|smollm|internlm", NEVER, 0.0),
    (r"vicuna|zephyr|starling|openchat|wizardlm|tulu|solar|exaone|pythia|lfm", NEVER, 0.0),
)  # fmt: skip
"""(expression in the model's name, kind, effort unless the request sets one); the first counts."""

_LONGEST = 200  # characters of a name that are read: clients choose the names
_EFFORT = re.compile(r"[-:](minimal|low|medium|high)(?:[-:]|$)")
_EFFORTS = {"minimal": 0.1, "low": 0.3, "medium": 0.6, "high": 1.0}


@dataclass(frozen=True, slots=True)
class ThinkingModel:
    """How a model thinks: ``kind`` ("": unknown) and ``effort`` unless the request sets one."""

    kind: str
    effort: float


def thinking_model(name: str) -> ThinkingModel:
    """How the named model thinks."""
    return _thinking_model(name[-_LONGEST:])


@lru_cache(maxsize=4096)
def _thinking_model(name: str) -> ThinkingModel:
    base = name.strip().rstrip("/").rsplit("/", 1)[-1].lower().replace("_", "-")
    for rule, kind, effort in _COMPILED:
        if rule.search(base):
            named = _EFFORT.search(base) if kind in (LEVELS, SWITCHED) else None
            return ThinkingModel(kind, _EFFORTS[named.group(1)] if named else effort)
    return ThinkingModel("", 0.0)


def can_think(name: str) -> bool:
    """Whether the named model is known to think before it answers, unasked or on request."""
    return thinking_model(name).kind in (FIXED, LEVELS, SWITCHED)


def thinking(prompt: Prompt) -> float:
    """The effort, from 0 (does not think) to 1, with which the request makes its model think.

    A switch has no effect on a model that never thinks or always does. A model of an unknown name
    thinks if the request asks for it.
    """
    model = thinking_model(prompt.model)
    asked = prompt.reasoning
    if asked == ANSWER_ALONE:
        return 0.0
    if asked is None or model.kind in (NEVER, FIXED):
        return model.effort
    return model.effort if model.kind == LEVELS and asked == 0 else asked


def most_tokens(prompt: Prompt) -> int | None:
    """The most tokens that an answer can have, thinking included (None: no bound).

    Guided decoding bounds what comes after the thinking.
    """
    if prompt.answer_limit is None or thinking(prompt) > 0:
        return prompt.max_tokens
    limits = (prompt.max_tokens, prompt.answer_limit)
    return min(limit for limit in limits if limit is not None)


_COMPILED = tuple((re.compile(rule), kind, effort) for rule, kind, effort in RULES)
