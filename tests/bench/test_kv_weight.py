"""The claim of ``kv_weight`` in virtual time: no sockets, no clock, the same parts that weigh."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.lengths import draw_length
from gateway.forecasting.prompt_parts import PromptParts, read_parts
from gateway.forecasting.prompt_tokens import PromptTokens
from gateway.forecasting.recent_traffic import PRIOR
from scheduler.actions import Action, Dispatch
from scheduler.job import REPORT_TOKENS, Job
from scheduler.policy import fcfs
from scheduler.scheduler import Scheduler
from scheduler.sim.arrivals import poisson
from scheduler.sim.engine import Engine
from scheduler.worker_spec import WorkerSpec
from tests.bench.engine_watch import EngineWatch, peak
from tests.bench.kv_weight import FREE_SHARE
from tests.bench.kv_weight_run import ENGINE, usage
from tests.bench.mixed_requests import Mix, MixedRequest

CACHE = ENGINE.num_blocks * ENGINE.block_size


async def counted(requests: Sequence[MixedRequest]) -> list[int]:
    """The prompt tokens of each request, as the emulated worker counts them."""
    limits = {"responses": "max_output_tokens", "chat/completions": "max_completion_tokens"}
    config = EmulatorConfig(engine=replace(ENGINE, num_blocks=10**6), speed=1e5)
    with EmbeddedEmulator(config) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:

            async def count(request: MixedRequest) -> int:
                one = {limits.get(request.path, "max_tokens"): 1, "stream": False}
                async with session.post(f"/v1/{request.path}", json=request.body | one) as reply:
                    return usage(await reply.text())[0]

            return await asyncio.gather(*map(count, requests))


@dataclass(slots=True)
class Sent:
    """A request: its parts, its true prompt tokens, and the tokens of its sequences so far."""

    job: Job
    parts: PromptParts
    prompt_tokens: int
    left: int
    tokens: Counter[str] = field(default_factory=Counter)


class Run:
    """A scheduler before an engine, both in virtual time."""

    def __init__(
        self, requests: Sequence[MixedRequest], counts: Sequence[int], rate: float
    ) -> None:
        self.rng = random.Random(len(requests))
        self.arriving = list(
            zip(poisson(len(requests), rate, self.rng), requests, counts, strict=True)
        )
        self.engine, self.learned = Engine(ENGINE), PromptTokens()
        self.watch = EngineWatch.over(self.engine)
        self.scheduler = Scheduler(fcfs)
        spec = WorkerSpec("w", frozenset({"m"}), ENGINE.max_num_seqs, CACHE, prefix_caching=False)
        self.scheduler.set_worker(spec)
        self.sent: dict[str, Sent] = {}
        self.now, self.peak, self.forecast, self.latest = 0.0, 0, 0.0, 0.0
        self.waits_beside_room = 0

    def run(self) -> None:
        """Serve every request."""
        while self.arriving or self.sent:
            while self.arriving and (self.arriving[0][0] <= self.now or not self.watch.busy):
                at, request, prompt_tokens = self.arriving.pop(0)
                self.now = max(self.now, at)
                self.take(self.scheduler.submit(self.made(request, prompt_tokens)))
            self.step()

    def made(self, request: MixedRequest, prompt_tokens: int) -> Job:
        """The job of a request, as the gateway makes it."""
        parts = read_parts(request.body)
        sequences = parts.prompts * request.body.get("n", 1)
        job = Job(str(len(self.arriving)), "m", self.now, 0, PRIOR, sequences)
        job.prompt_tokens, job.prompts = self.learned.estimate(parts), parts.prompts
        self.sent[job.id] = Sent(job, parts, prompt_tokens, sequences)
        return job

    def take(self, actions: list[Action]) -> None:
        """Carry out the scheduler's decisions."""
        for action in actions:
            assert isinstance(action, Dispatch)
            one = self.sent[action.job.id]
            for n in range(one.job.sequences):
                output = draw_length(PRIOR, self.rng.random())
                prompt_tokens = one.prompt_tokens // one.job.prompts
                self.engine.add(f"{action.job.id}/{n}", prompt_tokens, output)
            self.latest = self.scheduler.workers["w"].kv_peak

    def step(self) -> None:
        """A step of the engine, and what follows from it."""
        result = self.engine.step()
        self.now += result.duration
        used = self.watch.states[-1].used
        if used > self.peak:
            self.peak, self.forecast = used, min(self.latest, CACHE)
        for name in result.emitted:
            one = self.sent[name.partition("/")[0]]
            one.tokens[name] += 1
            if (
                one.tokens[name] % REPORT_TOKENS == 0
                and max(one.tokens.values()) == one.tokens[name]
            ):
                self.take(self.scheduler.progress(one.job.id, one.tokens[name], one.left))
        for name in result.finished:
            self.ended(name)
        self.waits_beside_room += self.scheduler.waiting > 0 and self.has_room()

    def has_room(self) -> bool:
        """Whether the engine could take the first request that waits, to its end."""
        first = next(iter(self.scheduler._waiting.by_rank(lambda _: False)))
        one, coming = self.sent[first.id], self.watch.coming()
        more = [(one.prompt_tokens // first.prompts, round(PRIOR.mean))] * first.sequences
        in_slots = len(coming) + len(more) <= ENGINE.max_num_seqs
        return in_slots and peak([*coming, *more]) <= FREE_SHARE * CACHE

    def ended(self, name: str) -> None:
        """A sequence has ended; the last one ends its request, whose usage is learned."""
        id = name.partition("/")[0]
        one = self.sent[id]
        one.left -= 1
        if one.left:
            self.take(self.scheduler.progress(id, max(one.tokens.values()), one.left))
            return
        del self.sent[id]
        self.learned.observe(one.parts, one.prompt_tokens)
        self.take(self.scheduler.release(id))


@pytest.mark.parametrize(("seed", "rate"), [(200, 0.9), (201, 0.9), (204, 0.9), (203, 2.5)])
async def test_the_kv_peak_of_mixed_requests_is_as_forecast_and_nothing_waits_beside_room(
    seed: int, rate: float
) -> None:
    requests = Mix(seed).draw(80)
    run = Run(requests, await counted(requests), rate)
    run.run()
    assert run.peak > CACHE / 4, "the test is about a cache that fills"
    assert run.forecast == pytest.approx(run.peak, rel=0.15)
    assert run.waits_beside_room == 0
