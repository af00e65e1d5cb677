"""The costs of a worker's steps, learned from the requests that ran there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gateway.calibrate.robust import Array, solve
from gateway.replay.seen import Seen
from scheduler.sim.costs import StepCosts

FEWEST = 30
"""Answers from which on costs are learned."""

MOST = 1500
"""Answers that costs are learned from, the last ones: every one is compared with every other."""

SHORTEST = 8
"""Tokens of an answer whose time says something of a step."""

_FACTORS = [
    tuple(sorted((0, 3, *more))) for count in range(4) for more in combinations((1, 2, 4), count)
]
"""Sets of factors of ``StepCosts`` that are tried: each step and each token of a prompt costs
something, the batch, its context and a request perhaps."""

_BETTER = 0.05
"""Share by which further factors must lower the error to count."""

_USUAL = 0.9
"""Share of the answers, the best explained ones, whose mean error counts. Their median would hide
what few answers tell: those that ran in an unusual batch."""

_LONGEST_WEIGHT = 100.0
"""Tokens from which on a longer answer counts no more."""


def learned_costs(seen: Sequence[Seen]) -> tuple[StepCosts, float] | None:
    """The costs, and the median relative error of the fit; None if too little has been seen.

    An engine gives each running sequence one token a step. So the time from an answer's first token
    to its last one is a sum of steps, whose work is known from what else ran at the worker in this
    time.
    """
    ran = [one for one in seen if one.ended is not None and one.ended.dispatched is not None]
    ran = sorted(ran, key=lambda one: one.ended.finished if one.ended else 0.0)[-MOST:]
    if len(ran) < FEWEST:
        return None
    begin, end, tokens, prompts, streamed = _columns(ran)
    fit = (tokens >= SHORTEST) & (end > begin) & (streamed > 0)
    if fit.sum() < FEWEST:
        fit = (tokens >= SHORTEST) & (end > begin)
    if fit.sum() < FEWEST:
        return None
    seconds = (end - begin)[fit]
    work = _work(begin, end, tokens, prompts)[fit]
    return _solved(work / seconds[:, None], np.minimum(tokens[fit], _LONGEST_WEIGHT))


def _solved(equations: Array, weights: Array) -> tuple[StepCosts, float]:
    """The costs, and the median relative error: of the fewest factors that explain the times.

    Under one policy the batch and its context hardly vary, and prompts of one length cost the same
    whether each token costs something or each request. Many mixtures then fit these times alike,
    and differ by 10 % under another policy, which fills the memory more or computes prompts again.
    """
    fits = []
    for factors in _FACTORS:
        solution, errors = solve(equations[:, factors], weights)
        usual = np.sort(errors)[: max(1, round(_USUAL * len(errors)))]
        fits.append((factors, solution, float(usual.mean()), float(np.median(errors))))
    enough = (1 + _BETTER) * min(mean for _, _, mean, _ in fits)
    good = [fit for fit in fits if fit[2] <= enough]
    factors, solution, _, error = min(good, key=lambda fit: (len(fit[0]), fit[2]))
    costs = np.zeros(equations.shape[1])
    costs[list(factors)] = solution
    return StepCosts(*costs.tolist()), error


def _columns(ran: Sequence[Seen]) -> tuple[Array, ...]:
    """Of each answer: begin and end of its decoding, steps in between, prompt, 1 if streamed.

    Whoever does not stream is taken to begin as long after the dispatch as the others usually do.
    """
    rows, usual = [], _usual_delay(ran)
    for one in ran:
        ended = one.ended
        assert ended is not None
        first = ended.first_token
        steps = ended.output_tokens - (first is not None)
        begin = (ended.dispatched or 0.0) + usual if first is None else first
        rows.append((begin, ended.finished, steps, ended.prompt_tokens, first is not None))
    table = np.array(rows, dtype=float)
    return tuple(table.T)


def _usual_delay(ran: Sequence[Seen]) -> float:
    """Seconds from dispatch to first token, the median; 0 where hardly any answer is streamed."""
    delays = [
        one.ended.first_token - one.ended.dispatched
        for one in ran
        if one.ended and one.ended.first_token is not None and one.ended.dispatched is not None
    ]
    return float(np.median(delays)) if len(delays) >= FEWEST else 0.0


def _work(begin: Array, end: Array, steps: Array, prompts: Array) -> Array:
    """The work in each answer's time, a row of the factors of ``StepCosts``.

    Steps are not equally long: prompts make some of them long. Of two answers that run at a time,
    the shorter one therefore tells how many steps they share, all of its own where it lies within
    the other.
    """
    seconds = np.maximum(end - begin, 1e-9)
    rate = steps / seconds
    low = np.maximum(begin[:, None], begin[None, :])
    overlap = np.maximum(np.minimum(end[:, None], end[None, :]) - low, 0.0)
    shorter = seconds[:, None] < seconds[None, :]
    together = overlap * np.where(shorter, rate[:, None], rate[None, :])
    context = prompts[None, :] + rate[None, :] * (low + overlap / 2 - begin[None, :])
    entered = (begin[None, :] > begin[:, None]) & (begin[None, :] <= end[:, None])
    return np.column_stack(
        (
            steps,
            together.sum(axis=1),
            (together * context).sum(axis=1),
            (entered * prompts[None, :]).sum(axis=1),
            entered.sum(axis=1),
        )
    )
