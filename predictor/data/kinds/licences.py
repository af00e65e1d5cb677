"""Licences: what each set is, and which of its rows may train a model that is published.

A row may if the set's table allows it, its prompt is not non-commercial, and its model is on the
list below. The sets mark rows by the names of the models. That is not enough, because a name does
not tell a publisher's own release from somebody's fine-tune: fine-tunes on outputs of GPT-4
(Zephyr, Starling, OpenChat, Dolphin, CodeActAgent, Eurus, MAmmoTH), of Athene or Llama 405B
(Shisa's ablations) or OLMo 2 (whose card adds Gemma's terms) carry conditions that their own
licence does not name. So only releases by a model's own maker count that are under Apache-2.0 or
MIT.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A set: ``title`` and ``licence`` of the repository and prompts; ``trains``: may it train.

    ``remark`` says what is excluded and why ("": only rows of models that are not free).
    """

    title: str
    licence: str
    trains: bool
    remark: str = ""


SOURCES: Mapping[str, Source] = {
    "shaberi_ja": Source(
        "Shaberi: Japanese chat, writing and extraction",
        "Apache-2.0; ELYZA's prompts CC-BY-SA-4.0",
        True,
    ),
    "speechmap": Source("SpeechMap: essays, letters and satire", "Apache-2.0", True),
    "reasoning_puzzles": Source(
        "MisguidedAttention and LRM token economy: puzzles", "CC0-1.0 / Apache-2.0", True
    ),
    "mint_agents": Source("MINT: agents that run Python over several turns", "Apache-2.0", True),
    "livemcp_agents": Source(
        "LiveMCPBench: agents that call MCP tools",
        "Apache-2.0",
        False,
        "the lengths are the same under all ten model names, so whose they are is unknown",
    ),
    "just_eval_chat": Source(
        "Just-Eval: everyday English chat",
        "MIT; MT-Bench's prompts Apache-2.0",
        True,
        "prompts of AlpacaEval and LIMA are non-commercial",
    ),
    "zh_qa": Source(
        "LawBench and HalluQA: Chinese questions and legal tasks",
        "Apache-2.0",
        True,
        "no row is left: ChatGLM's first licence has conditions",
    ),
    "hh_multiturn": Source(
        "HH-RLHF: chat of several turns", "MIT", False, "one model of 2022 that nobody serves"
    ),
    "bfcl_tools": Source(
        "Berkeley function calling",
        "prompts Apache-2.0; results without a licence",
        False,
        "the results have no licence",
    ),
}
"""The sets by name, with what the model card says about each."""

_OWN_RELEASES = re.compile(
    r"""^(?:
    qwen2-7b-instruct | qwen-?2\.5-(?:0\.5|1\.5|7|14|32)b-instruct | qwq-32b(?:-preview)?.*
    | qwen3-[\w.]+(?:-a\d+b)?(?:-(?:instruct|thinking)-2507|-fp8)?
    | mistral-7b(?:-instruct)?(?:-v0\.[123])? | (?:mistralai__)?mixtral-8x(?:7|22)b-instruct.*
    | mistral-nemo-(?:japanese-)?instruct-2408.* | mistral-nemo-instruct-2407
    | mistral-small-(?:3|24b).* | magistral-small.*
    | phi-[34](?:-.*)? | granite-.* | gpt-oss-(?:20|120)b
    | deepseek-r1(?:-0528|-zero|-distill-qwen-\d+b)? | deepseek-(?:chat-)?v3-0324
    | r1-1776 | mai-ds-r1.* | deepseek-r1t-chimera
    | glm-4-32b-0414 | glm-(?:4-)?z1-32b.* | glm-4\.[56].*
    | kimi-vl-a3b-thinking | yi-(?:6|34)b-chat | olmo-3.* | smollm2.*
    | calm3-22b-chat | elyza-(?:thinking|shortcut)-.* | abeja-qw.* | rakutenai-.* | tanuki-.*
    | llm-jp-3(?:\.1)?-(?:7\.2b|13b|8x13b)-instruct\d | sarashina2\.2-3b.*
    )$""",
    re.VERBOSE,
)
"""The model names, in lower case and without owner, that count as a maker's own free release."""


def is_free(source: str, name: str, marked: bool) -> bool:
    """Whether a published model may learn from answers of the model ``name`` in a set.

    ``marked`` is the set's own mark of the row, ``outputs_free``.
    """
    own = _OWN_RELEASES.match(name.rsplit("/", 1)[-1].lower())
    return SOURCES[source].trains and marked and own is not None
