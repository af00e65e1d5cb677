"""Cold start, repeats and drift: the requests of each run, and what is computed of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from predictor.adaptive import AdaptiveLayer, AdaptiveSettings
from tests.bench.adaptive_data import AnswerPool, StaticForecasts
from tests.bench.adaptive_replay import Floats, Log, Request, replay

WINDOW = 100
"""Requests over which a curve is averaged."""

BEFORE, AFTER = 300, 350
"""Requests before and after the replacement; fewer before if the models share few prompts."""

VISITS = 6
"""Requests for a repeated prompt, which have 0 to 5 earlier answers."""


def answerable(pool: AnswerPool, *models: int) -> list[int]:
    """The prompts that all of ``models`` answered."""
    prompts = range(len(pool.texts))
    return [p for p in prompts if all((model, p) in pool.tokens for model in models)]


def random_request(
    pool: AnswerPool, model: int, prompt: int, rng: np.random.Generator, *, named: int | None = None
) -> Request:
    """A request with a random answer of the model; ``named`` is the model in the request."""
    tokens, cut = pool.draw(model, prompt, rng)
    return Request(model, model if named is None else named, prompt, tokens, cut)


# Cold start


def newcomer(pool: AnswerPool, model: int, rng: np.random.Generator) -> list[Request]:
    """Each prompt once for ``model``, in random order, among as many requests of other models.

    The others get prompts that the newcomer had before. No answer to a prompt is known before the
    newcomer gets it, so the newcomer is measured on prompts that are new to every model.
    """
    order = rng.permutation(answerable(pool, model)).tolist()
    requests = []
    for index, prompt in enumerate(order):
        requests.append(random_request(pool, model, prompt, rng))
        other = int(rng.integers(len(pool.models)))
        earlier = order[int(rng.integers(index + 1))]
        if other != model and (other, earlier) in pool.tokens:
            requests.append(random_request(pool, other, earlier, rng))
    return requests


def cold_start(
    pool: AnswerPool,
    unseen: StaticForecasts,
    trained: StaticForecasts,
    model: int,
    seed: int,
    settings: AdaptiveSettings,
) -> dict[str, Log]:
    """The newcomer's requests by arm.

    Arms: predictors trained without the model (``unseen``) and with it (``trained``), adaptive or
    static.
    """
    requests = newcomer(pool, model, np.random.default_rng([seed, model]))
    own = [request for request in requests if request.named == model]
    return {
        "adaptive": replay(pool, unseen, requests, AdaptiveLayer(settings), scored=model),
        "unseen": replay(pool, unseen, own),
        "trained": replay(pool, trained, own),
        "trained, adaptive": replay(pool, trained, requests, AdaptiveLayer(settings), scored=model),
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
    pool: AnswerPool, model: int, rng: np.random.Generator, *, prompts: int, kind: str
) -> list[Request]:
    """Prompts requested ``VISITS`` times each, in rounds, each time with another answer.

    ``kind`` "prompt": the same prompt. "template": a text around it with other numbers each time.
    """
    order = [p for p in answerable(pool, model) if len(pool.tokens[model, p]) >= VISITS]
    order = rng.permutation(order)[:prompts].tolist()
    answers = {p: rng.permutation(len(pool.tokens[model, p])) for p in order}
    requests = []
    for visit in range(VISITS):
        for prompt in rng.permutation(order).tolist():
            answer = answers[prompt][visit]
            tokens = int(pool.tokens[model, prompt][answer])
            cut = bool(pool.capped[model, prompt][answer])
            request = Request(model, model, prompt, tokens, cut)
            if kind == "template":
                number = int(rng.integers(10**6))
                text = f"Case {number} of client K-{number % 977}: {{}}"
                request = replace(request, wrapped=text)
            requests.append(request)
    return requests


def by_visit(requests: list[Request], log: Log) -> dict[int, Floats]:
    """Absolute errors of the median, by the number of earlier requests for the prompt."""
    errors: dict[int, list[float]] = defaultdict(list)
    visits: dict[int, int] = defaultdict(int)
    for request, error in zip(requests, log.absolute_errors(), strict=True):
        errors[visits[request.prompt]].append(float(error))
        visits[request.prompt] += 1
    return {visit: np.array(values) for visit, values in errors.items()}


def by_samples(requests: list[Request]) -> dict[int, Floats]:
    """The same errors if the forecast were the median of the earlier answers."""
    errors: dict[int, list[float]] = defaultdict(list)
    answers: dict[int, list[int]] = defaultdict(list)
    for request in requests:
        earlier = answers[request.prompt]
        if earlier:
            errors[len(earlier)].append(abs(float(np.median(earlier)) - request.tokens))
        earlier.append(request.tokens)
    return {visit: np.array(values) for visit, values in errors.items()}


def after_others(
    pool: AnswerPool, model: int, rng: np.random.Generator, *, prompts: int, others: int
) -> tuple[list[Request], int]:
    """Requests to ``model`` for prompts that ``others`` other models answered before.

    The first half lets the adaptive layer learn how far to follow the other models. Returns the
    requests, and the index of the first request to measure: the last ``prompts`` requests.
    """
    order = rng.permutation(answerable(pool, model))[: 2 * prompts].tolist()
    requests: list[Request] = []
    for half in (order[:prompts], order[prompts:]):
        for prompt in half:
            able = [m for m in range(len(pool.models)) if m != model and (m, prompt) in pool.tokens]
            for other in rng.permutation(able)[:others].tolist():
                requests.append(random_request(pool, other, prompt, rng))
        start = len(requests)
        requests += [random_request(pool, model, prompt, rng) for prompt in half]
    return requests, start


# Drift


def replaced(
    pool: AnswerPool, old: int, new: int, rng: np.random.Generator, *, repeated: bool = False
) -> list[Request]:
    """Requests to model ``old``: the first are answered by ``old``, the others by ``new``.

    Every prompt comes once; with ``repeated``, any of 150 prompts at random.
    """
    order = rng.permutation(answerable(pool, old, new)).tolist()
    if repeated:
        order = rng.choice(order[:150], size=BEFORE + AFTER).tolist()
    start = min(BEFORE, len(order) - AFTER)
    before = [random_request(pool, old, prompt, rng) for prompt in order[:start]]
    after = order[start : start + AFTER]
    return before + [random_request(pool, new, prompt, rng, named=old) for prompt in after]
