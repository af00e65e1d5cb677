"""The fields of a request from which the predictor forecasts the length of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from predictor.request.answer_format import read_answer_format
from predictor.request.conversation import CHARS_PER_TOKEN, read_conversation
from predictor.request.fields import count, number, string
from predictor.request.thinking import read_thinking
from predictor.request.tools import read_tools

__all__ = ["ANSWER_ALONE", "CHARS_PER_TOKEN", "HEAD_CHARS", "TAIL_CHARS", "Prompt", "clip"]

HEAD_CHARS = 3000
TAIL_CHARS = 1500
ANSWER_ALONE = -1.0  # see Prompt.reasoning

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def clip(text: str) -> str:
    """The first HEAD_CHARS and the last TAIL_CHARS characters: bounds the cost of a forecast."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The fields of a request that the predictor reads.

    ``text`` is the last user message that has text, or the completion prompt; ``system`` the
    system message; ``turns`` the number of user messages; ``chars`` the characters of the whole
    conversation (0: the characters of ``text``). ``max_tokens`` truncates the forecast. ``tenant``
    is an opaque hash of the tenant ("": no tenant); only the adaptive layer's history reads it.

    Characters of one message: ``last_chars`` of the last, ``first_chars`` of the first user
    message (0: the characters of ``text``), ``previous_chars`` of the last assistant message (0:
    none). ``tool_results`` counts those after the last user message.

    ``tools`` counts the tools offered, ``tool_chars`` the characters of their JSON;
    ``forced_tool``: the answer has to be a tool call; ``parallel_tools``: several calls at once
    are allowed (None: unset). ``json``: the answer has to be JSON, by a schema of
    ``schema_chars`` characters and ``schema_fields`` properties. ``answer_limit``: most tokens of
    the answer, thinking apart, that has to be one of given choices or match an expression.

    ``reasoning`` is the effort of thinking that the request asks for (0 off to 1 on or high;
    None: unset), ``thinking_budget`` the most tokens of it. Whether the model thinks depends on
    the model too: ``predictor.features.reasoning``. It is ``ANSWER_ALONE`` beside a measured
    length without thinking, even of a model that always thinks; no request says so.
    """

    model: str
    text: str
    max_tokens: int | None = None
    temperature: float | None = None
    system: str = ""
    turns: int = 1
    chars: int = 0
    tenant: str = ""
    top_p: float | None = None
    tools: int = 0
    json: bool = False
    reasoning: float | None = None
    last_role: str = "user"
    previous_chars: int = 0
    last_chars: int = 0
    first_chars: int = 0
    tool_results: int = 0
    tool_chars: int = 0
    forced_tool: bool = False
    parallel_tools: bool | None = None
    schema_chars: int = 0
    schema_fields: int = 0
    answer_limit: int | None = None
    thinking_budget: int | None = None

    @classmethod
    def from_request(cls, body: Mapping[str, object]) -> Prompt:
        """The prompt of an OpenAI chat, completion or Responses or of an Anthropic request.

        ``body`` is parsed JSON. A field of the wrong type counts as absent and raises nothing: the
        worker, not the predictor, accepts or refuses a request.
        """
        said = read_conversation(body)
        tools, demanded = read_tools(body, said.system), read_answer_format(body)
        text, system = clip(said.text), clip(said.system)
        reasoning, budget = read_thinking(body, text, system)
        return cls(
            model=string(body.get("model")),
            text=text,
            max_tokens=_max_tokens(body),
            temperature=number(body.get("temperature")),
            system=system,
            turns=said.turns,
            chars=said.chars,
            top_p=number(body.get("top_p")),
            tools=tools.number,
            json=demanded.json,
            reasoning=reasoning,
            last_role=said.last_role,
            previous_chars=said.previous_chars,
            last_chars=said.last_chars,
            first_chars=said.first_chars,
            tool_results=said.tool_results,
            tool_chars=tools.chars,
            forced_tool=tools.forced,
            parallel_tools=tools.parallel,
            schema_chars=demanded.schema_chars,
            schema_fields=demanded.schema_fields,
            answer_limit=demanded.answer_limit,
            thinking_budget=budget,
        )


def _max_tokens(body: Mapping[str, object]) -> int | None:
    """The smallest of the limits that a request sets."""
    return min((limit for name in _LIMITS if (limit := count(body.get(name)))), default=None)
