"""The switches by which a request asks its model to think before it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from predictor.request.fields import Object, count

EFFORT = {"none": 0.0, "minimal": 0.1, "low": 0.3, "medium": 0.6, "high": 1.0}
EFFORT |= {"xhigh": 1.0, "max": 1.0}
"""Names of an effort, from 0 (does not think) to 1."""

_SWITCHES = ("enable_thinking", "thinking", "enabled")
_TYPES = {"enabled": True, "adaptive": True, "disabled": False}  # of Anthropic's field ``thinking``
_BUDGETS = ("thinking_token_budget", "thinking_budget", "budget_tokens")
_EFFORTS = ("reasoning_effort", "effort")
_FIELDS = frozenset((*_SWITCHES, *_BUDGETS, *_EFFORTS, "type"))

_SOFT = re.compile(r"(?<!\S)/(no_?)?think(?!\S)")
_STATED = re.compile(r"(?:^|\n)\s*reasoning(?: effort)?: *(low|medium|high)\b", re.IGNORECASE)
_DETAILED = re.compile(r"detailed thinking (on|off)\b", re.IGNORECASE)


def read_thinking(body: Object, text: str, system: str) -> tuple[float | None, int | None]:
    """Effort (0 off to 1; None: unset) and thinking budget in tokens (None: unset).

    ``text`` and ``system`` are the last user message and the system message. A field of the
    request that switches thinking off is final, as in Qwen3; the messages' words come next.
    """
    holders = [holder for holder in _holders(body) if not _FIELDS.isdisjoint(holder)]
    budget = _budget(holders)
    effort = 0.0 if budget == 0 else _field(holders)
    if effort != 0.0:
        said = _said(text, system)
        effort = effort if said is None else said
    return effort, budget


def _said(text: str, system: str) -> float | None:
    """The effort that the messages ask for: Qwen3, gpt-oss and Nemotron are told so in words."""
    for message in (text, system):
        if "think" in message and (found := _SOFT.findall(message)):
            return 0.0 if found[-1] else 1.0
    if found := _STATED.findall(system):
        return EFFORT[found[-1].lower()]
    if found := _DETAILED.findall(system):
        return float(found[-1].lower() == "on")
    return None


def _field(holders: Sequence[Object]) -> float | None:
    """The effort that the request's fields state; a switch that is off outdoes an effort."""
    switches = [value for holder in holders for value in _switches(holder)]
    named = [holder.get(name) for holder in holders for name in _EFFORTS]
    efforts = [EFFORT[name.lower()] for name in named if _is_effort(name)]
    if False in switches:
        return 0.0
    return efforts[0] if efforts else 1.0 if switches else None


def _switches(holder: Object) -> Iterator[bool]:
    """Whether thinking is on, for each switch in an object."""
    for name in _SWITCHES:
        value = holder.get(name)
        if isinstance(value, bool):
            yield value
    kind = holder.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        yield _TYPES[kind]


def _is_effort(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and name.lower() in EFFORT


def _budget(holders: Sequence[Object]) -> int | None:
    """The first thinking budget that the request states, in tokens."""
    budgets = (count(holder.get(name), 0) for holder in holders for name in _BUDGETS)
    return next((budget for budget in budgets if budget is not None), None)


def _holders(body: Object) -> Iterator[Object]:
    """The objects of a request that may hold its switches, under one set of names."""
    yield body
    for name in ("chat_template_kwargs", "thinking", "output_config"):
        if isinstance(value := body.get(name), Mapping):
            yield value
    if isinstance(reasoning := body.get("reasoning"), Mapping):
        yield {**reasoning, "thinking_budget": reasoning.get("max_tokens")}
