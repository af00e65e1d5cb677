"""Policies in messages: by name, so that nothing is run that another process sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from gateway.remote_scheduler.states import PolicyState
from scheduler import policy as policies
from scheduler.policy import Policy

PLAIN: Mapping[str, Policy] = {
    one.__name__: one
    for one in (
        *(policies.fcfs, policies.prompt_length, policies.expected_output),
        *(policies.kv_volume, policies.gittins),
    )
}
"""Policies without numbers."""

MADE: Mapping[str, Callable[..., Policy]] = {
    one.__name__: one
    for one in (
        *(policies.LevelledOutput, policies.TailAware, policies.LeastSlack),
        *(policies.Aged, policies.Boost),
    )
}
"""Policies with numbers; the last two have a policy inside them."""

DEEPEST = 4
"""Policies inside each other at most."""


def policy_state(policy: Policy) -> PolicyState:
    """A policy for a message.

    Raises:
        ValueError: the policy has no name here.
    """
    name = getattr(policy, "__name__", type(policy).__name__)
    if PLAIN.get(name) is policy:
        return PolicyState(name)
    if name not in MADE or not is_dataclass(policy):
        raise ValueError(f"the policy {policy!r} has no name in remote_scheduler.policies")
    values = {one.name: getattr(policy, one.name) for one in fields(policy)}
    base = values.pop("base", None)
    return PolicyState(name, [*values.values()], None if base is None else policy_state(base))


def policy_of(state: PolicyState, depth: int = 0) -> Policy:
    """The policy of a message.

    Raises:
        ValueError: there is none of this name and these numbers.
    """
    if depth > DEEPEST or not all(map(math.isfinite, state.numbers)):
        raise ValueError(f"no policy: {state.name[:40]!r} of {state.numbers[:4]}")
    if state.name in PLAIN and not state.numbers and state.base is None:
        return PLAIN[state.name]
    if (made := MADE.get(state.name)) is None:
        raise ValueError(f"no policy is named {state.name[:40]!r}")
    inside: list[Any] = [] if state.base is None else [policy_of(state.base, depth + 1)]
    try:
        return made(*inside, *state.numbers)
    except TypeError as error:
        raise ValueError(f"no policy {state.name} has these numbers: {state.numbers}") from error
