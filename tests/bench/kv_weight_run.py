"""One run of mixed requests through a gateway to an emulated worker, and what was seen of it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.lengths import predicted_lengths
from predictor import LengthPredictor
from scheduler.actions import Dispatch
from scheduler.sim.arrivals import poisson
from scheduler.sim.engine_config import EngineConfig
from scheduler.worker import Worker
from tests.bench.engine_watch import EngineWatch
from tests.bench.mixed_requests import Mix, MixedRequest
from tests.gateway.harness import Gateway, gateway

ENGINE = EngineConfig(
    max_num_seqs=64, num_blocks=4000, max_model_len=32_768, scheduling_policy="priority"
)
SAMPLE_S = 0.1
TELLING_SHARE = 0.1
RATES = 0.7, 2.0
"""Requests for each second of the engine, from a seed's least to its most."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The worker's forecast after a dispatch: sequences sent so far, and the peaks in tokens."""

    at: float
    sequences: int
    expected: float
    with_margin: float


@dataclass(slots=True)
class Waiting:
    """A moment at which a request waits: the engine, and the job that waits first."""

    job: str
    inside: int
    coming: list[tuple[int, int]]


@dataclass(slots=True)
class Observed:
    """What was seen of one run."""

    watch: EngineWatch
    admissions: list[Admission] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    """The gateway's count of KV tokens held over the engine's."""
    moments: int = 0
    waiting: list[Waiting] = field(default_factory=list)
    estimates: dict[str, int] = field(default_factory=dict)
    """By the request's id: the gateway's estimate of the prompt's tokens."""
    answered: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By the request's id: tokens of the prompt and of the answer."""


def expected_peak(worker: Worker, deviations: float) -> float:
    """The worker's forecast of its KV peak with so many standard deviations."""
    spec = worker.spec
    worker.spec = replace(spec, deviations=deviations)
    try:
        return worker.kv_peak
    finally:
        worker.spec = spec


def watch_dispatches(running: Gateway, observed: Observed) -> None:
    """Note the forecast after each dispatch."""
    dispatcher = running.app.state.dispatcher
    apply, sent = dispatcher.apply, 0

    def watched(actions: Any) -> None:
        nonlocal sent
        actions = list(actions)
        apply(actions)
        dispatched = [action for action in actions if isinstance(action, Dispatch)]
        if dispatched:
            sent += sum(action.job.sequences for action in dispatched)
            for action in dispatched:
                observed.estimates[action.job.id.rsplit("-", 1)[0]] = action.job.prompt_tokens
            (worker,) = running.scheduler.workers.values()
            margin = worker.spec.deviations
            peaks = expected_peak(worker, 0.0), expected_peak(worker, margin)
            observed.admissions.append(Admission(time.monotonic(), sent, *peaks))

    dispatcher.apply = watched


async def sample(running: Gateway, observed: Observed) -> None:
    """Look at gateway and engine until cancelled."""
    watch = observed.watch
    while True:
        await asyncio.sleep(SAMPLE_S)
        (worker,) = running.scheduler.workers.values()
        state = watch.states[-1] if watch.states else None
        if state is None or not len(worker):
            continue
        observed.moments += 1
        # Others wait in the engine, are on the way there, or have ended and not been told of.
        alike = not state.waiting and abs(state.running - worker.sequences) <= 1
        if alike and state.used >= TELLING_SHARE * watch.capacity:
            observed.counts.append(worker.kv_used / state.used)
        arrived = observed.admissions[-1].sequences == watch.added
        if running.scheduler.waiting and arrived:  # else the engine's memory is spoken for
            first = next(iter(running.scheduler._waiting.by_rank(lambda _: False)))
            inside = state.running + state.waiting
            observed.waiting.append(Waiting(first.id, inside, watch.coming()))


async def send(
    session: aiohttp.ClientSession, url: str, name: str, request: MixedRequest, observed: Observed
) -> None:
    """Send one request and note the usage of its answer."""
    body = request.body
    if body["stream"] and request.path in ("chat/completions", "completions"):
        body = body | {"stream_options": {"include_usage": True}}
    headers = {"X-Request-Id": name}
    async with session.post(f"{url}/v1/{request.path}", json=body, headers=headers) as reply:
        text = await reply.text()
        assert reply.status == 200, (request.kind, text[:500])
    observed.answered[name] = usage(text)


def usage(answer: str) -> tuple[int, int]:
    """Tokens of the prompt and of the answer, in the words of every API; streams end with them."""
    found: dict[str, int] = {}
    lines = [line[6:] for line in answer.splitlines() if line.startswith("data: {")] or [answer]
    for line in lines:
        fields = json.loads(line)
        for holder in (fields, fields.get("message") or {}, fields.get("response") or {}):
            found |= {k: v for k, v in (holder.get("usage") or {}).items() if isinstance(v, int)}
    prompt = found.get("prompt_tokens", found.get("input_tokens", 0))
    return prompt, found.get("completion_tokens", found.get("output_tokens", 0))


async def observe(seed: int, count: int, speed: float, model: LengthPredictor) -> Observed:
    """One run of ``count`` requests, with its own gateway and engine."""
    rng = random.Random(f"arrivals {seed}")
    requests = Mix(seed).draw(count)
    low, high = RATES
    arrivals = poisson(count, speed * low * (high / low) ** rng.random(), rng)
    config = EmulatorConfig(engine=ENGINE, speed=speed)
    with EmbeddedEmulator(config, predicted_lengths(model)) as emulator:
        watch = EngineWatch.over(emulator.engine)
        observed = Observed(watch)
        settings: dict[str, Any] = {
            "worker": {"max_num_seqs": ENGINE.max_num_seqs},
            "health": {"scrape_s": 10.0 / speed, "interval_s": 2.0 / speed},
        }
        async with gateway(emulator.url, model=model, **settings) as running:
            watch_dispatches(running, observed)
            sampler = asyncio.create_task(sample(running, observed))
            timeout = aiohttp.ClientTimeout(total=None)
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                start = time.monotonic()
                async with asyncio.TaskGroup() as tasks:
                    for index, arrival in enumerate(arrivals):
                        await asyncio.sleep(start + arrival - time.monotonic())
                        name, request = f"r{index}", requests[index]
                        tasks.create_task(send(session, running.url, name, request, observed))
                    sampler.cancel()  # what follows is no mixed traffic but its last few answers
    return observed
