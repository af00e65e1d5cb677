"""Cold start, repeats and drift: which requests come, and the figures of each run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from predictor.adaptive import AdaptiveLayer, AdaptiveSettings
from tests.bench.adaptive_data import Said, World
from tests.bench.adaptive_replay import Floats, Log, Request, replay

WINDOW = 100
"""Requests over which a curve is averaged."""

BEFORE, AFTER = 300, 350
"""Requests before (fewer if the two models share too few prompts) and after the replacement."""

VISITS = 6
"""How often a repeated prompt is asked: 0 to 5 earlier answers."""


def answerable(world: World, *models: int) -> list[int]:
    """The prompts that every one of ``models`` answered."""
    count = range(len(world.texts))
    return [at for at in count if all((model, at) in world.tokens for model in models)]


def request(
    world: World, model: int, prompt: int, rng: np.random.Generator, *, named: int | None = None
) -> Request:
    """A request with one of the model's answers at random."""
    tokens, cut = world.draw(model, prompt, rng)
    return Request(model, model if named is None else named, prompt, tokens, cut)


# Cold start


def newcomer(world: World, model: int, rng: np.random.Generator) -> list[Request]:
    """Each prompt once for ``model``, in random order, among as many requests of the others.

    The others get prompts that the newcomer has had: what they answer to a prompt is never known
    before the newcomer is asked, so that it is judged by prompts that are new to everyone.
    """
    order = rng.permutation(answerable(world, model)).tolist()
    out = []
    for at, prompt in enumerate(order):
        out.append(request(world, model, prompt, rng))
        other = int(rng.integers(len(world.models)))
        earlier = order[int(rng.integers(at + 1))]
        if other != model and (other, earlier) in world.tokens:
            out.append(request(world, other, earlier, rng))
    return out


def cold_start(
    world: World, unseen: Said, trained: Said, model: int, seed: int, settings: AdaptiveSettings
) -> dict[str, Log]:
    """The newcomer's requests by arm: adaptive and static without it, static trained with it."""
    requests = newcomer(world, model, np.random.default_rng([seed, model]))
    own = [one for one in requests if one.named == model]
    return {
        "adaptive": replay(world, unseen, requests, AdaptiveLayer(settings), scored=model),
        "unseen": replay(world, unseen, own),
        "trained": replay(world, trained, own),
        "trained, adaptive": replay(
            world, trained, requests, AdaptiveLayer(settings), scored=model
        ),
    }


def windows(log: Log, width: int = WINDOW) -> dict[str, list[float]]:
    """Tau, coverage and CRPS in consecutive windows."""
    starts = range(0, len(log.actual) - width + 1, width)
    inside, crps = log.inside(), np.array(log.crps)
    return {
        "tau": [log.tau(start, start + width) for start in starts],
        "coverage": [float(inside[start : start + width].mean()) for start in starts],
        "crps": [float(crps[start : start + width].mean()) for start in starts],
    }


# Repeats


def visits(
    world: World, model: int, rng: np.random.Generator, *, prompts: int, kind: str
) -> list[Request]:
    """Prompts asked ``VISITS`` times each, in rounds; each time another of their answers.

    ``kind`` "prompt": the same again. "template": inside a text with other numbers each time.
    """
    order = [at for at in answerable(world, model) if len(world.tokens[model, at]) >= VISITS]
    order = rng.permutation(order)[:prompts].tolist()
    picked = {at: rng.permutation(len(world.tokens[model, at])) for at in order}
    out = []
    for visit in range(VISITS):
        for prompt in rng.permutation(order).tolist():
            at = picked[prompt][visit]
            tokens = int(world.tokens[model, prompt][at])
            one = Request(model, model, prompt, tokens, bool(world.capped[model, prompt][at]))
            if kind == "template":
                number = int(rng.integers(10**6))
                one = replace(one, wrapped=f"Case {number} of client K-{number % 977}: {{}}")
            out.append(one)
    return out


def by_visit(requests: list[Request], log: Log) -> dict[int, Floats]:
    """The absolute errors of the median, by how often the prompt was asked before."""
    found: dict[int, list[float]] = defaultdict(list)
    asked: dict[int, int] = defaultdict(int)
    for one, miss in zip(requests, log.miss(), strict=True):
        found[asked[one.prompt]].append(float(miss))
        asked[one.prompt] += 1
    return {visit: np.array(misses) for visit, misses in found.items()}


def by_samples(requests: list[Request]) -> dict[int, Floats]:
    """The same errors if the median of the earlier answers alone were the forecast."""
    found: dict[int, list[float]] = defaultdict(list)
    earlier: dict[int, list[int]] = defaultdict(list)
    for one in requests:
        told = earlier[one.prompt]
        if told:
            found[len(told)].append(abs(float(np.median(told)) - one.tokens))
        told.append(one.tokens)
    return {visit: np.array(misses) for visit, misses in found.items()}


def after_others(
    world: World, model: int, rng: np.random.Generator, *, prompts: int, others: int
) -> tuple[list[Request], int]:
    """The last ``prompts`` requests ask ``model`` what ``others`` other models were asked before.

    Before them it is asked as many other prompts in the same way, so that it can learn how far
    to follow the others. Returns the requests and where the last ones begin.
    """
    order = rng.permutation(answerable(world, model))[: 2 * prompts].tolist()
    out: list[Request] = []
    for half in (order[:prompts], order[prompts:]):
        for prompt in half:
            able = [
                m for m in range(len(world.models)) if m != model and (m, prompt) in world.tokens
            ]
            for other in rng.permutation(able)[:others].tolist():
                out.append(request(world, other, prompt, rng))
        start = len(out)
        out += [request(world, model, prompt, rng) for prompt in half]
    return out, start


# Drift


def replaced(
    world: World, old: int, new: int, rng: np.random.Generator, *, repeated: bool = False
) -> list[Request]:
    """Requests named ``old``, the first answered by it, the rest by ``new``.

    Every prompt comes once, or, ``repeated``, any of 150 at random.
    """
    order = rng.permutation(answerable(world, old, new)).tolist()
    if repeated:
        order = rng.choice(order[:150], size=BEFORE + AFTER).tolist()
    start = min(BEFORE, len(order) - AFTER)
    before = [request(world, old, prompt, rng) for prompt in order[:start]]
    after = order[start : start + AFTER]
    return before + [request(world, new, prompt, rng, named=old) for prompt in after]
