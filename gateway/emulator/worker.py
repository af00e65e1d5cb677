"""The emulated engine in real time: steps the model of ``scheduler.sim.engine`` and waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import Receive

from gateway.emulator.answers import Choice
from scheduler.sim.engine import Engine, StepResult

CATCH_UP = 0.1
"""Seconds the engine may hurry after the event loop was late; a real one would not hurry at all."""


class Generation:
    """The sequences of one HTTP request, and the tokens of them nobody has fetched yet."""

    def __init__(self, choices: list[Choice], *, streaming: bool) -> None:
        self.choices = choices
        self.closed = False
        self._streaming = streaming
        self._unfinished = len(choices)
        self._ready: list[Choice] = []
        self._wake: asyncio.Future[None] | None = None

    async def tokens(self) -> list[Choice]:
        """Wait for tokens: the choice of each, in order; empty when no more will come.

        A generation that does not stream has all its tokens at once, at the end.
        """
        while not self.closed and self._unfinished and not (self._streaming and self._ready):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        ready, self._ready = self._ready, []
        return [] if self.closed else ready

    def token(self, choice: Choice) -> None:
        """The engine made one token of ``choice``."""
        self._ready.append(choice)
        if self._streaming:
            self._notify()

    def finish(self) -> None:
        """The engine is done with one more choice."""
        self._unfinished -= 1
        if not self._unfinished:
            self._notify()

    def close(self) -> None:
        """The client left: nobody wants the rest."""
        self.closed = True
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class EmulatedWorker:
    """Drives an engine: ``speed`` is engine seconds for each second of the clock."""

    def __init__(self, engine: Engine, *, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be positive, got {speed}")
        self.engine = engine
        self.speed = speed
        self.finished: Counter[str] = Counter()
        self._owners: dict[str, tuple[Generation, Choice]] = {}
        self._ids = count()
        self._work = asyncio.Event()

    @asynccontextmanager
    async def serve(
        self,
        choices: list[Choice],
        receive: Receive,
        *,
        priority: int = 0,
        streaming: bool = False,
    ) -> AsyncIterator[Generation]:
        """Queue the choices in the engine; abort those unfinished on leaving.

        Listens on ``receive`` meanwhile and closes the generation if the client disconnects.

        Raises:
            ValueError: a choice can never fit the engine.
        """
        generation = Generation(choices, streaming=streaming)
        mine: list[str] = []
        listener = asyncio.create_task(_close_when_gone(receive, generation))
        try:
            for choice in choices:
                request_id = str(next(self._ids))
                self.engine.add(request_id, choice.prompt_tokens, choice.output_tokens, priority)
                self._owners[request_id] = generation, choice
                mine.append(request_id)
            self._work.set()
            yield generation
        finally:
            listener.cancel()
            for request_id in mine:
                if self._owners.pop(request_id, None):
                    self.engine.abort(request_id)

    async def run(self) -> None:
        """Step for ever, idle while there is nothing to do."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            due = loop.time()
            while self.engine.running or self.engine.waiting:
                result = self.engine.step()
                # Due times add up, so that what a timer oversleeps is not lost; but a loop that
                # was held up for long must not make up for it in a burst.
                due = max(due, loop.time() - CATCH_UP) + result.duration / self.speed
                await asyncio.sleep(due - loop.time())
                self._deliver(result)
            self._work.clear()

    def _deliver(self, result: StepResult) -> None:
        # Whoever left during the step is in the result but owns nothing any more.
        for request_id in result.emitted:
            if owner := self._owners.get(request_id):
                owner[0].token(owner[1])
        for request_id in result.finished:
            if owner := self._owners.pop(request_id, None):
                self.finished[owner[1].finish_reason] += 1
                owner[0].finish()


async def _close_when_gone(receive: Receive, generation: Generation) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    generation.close()


class WorkerMetrics:
    """The worker's state under vLLM's metric names, read when Prometheus asks."""

    def __init__(self, worker: EmulatedWorker, model: str) -> None:
        self._worker = worker
        self._labels = {"model_name": model, "engine": "0"}

    def collect(self) -> Iterable[Metric]:
        """prometheus_client's collector interface."""
        engine = self._worker.engine
        yield self._gauge("num_requests_running", "Requests in model execution.", engine.running)
        yield self._gauge("num_requests_waiting", "Requests waiting.", engine.waiting)
        yield self._gauge("kv_cache_usage_perc", "1 means 100 percent.", engine.kv_usage)
        yield self._counter("num_preemptions", "Preemptions.", engine.preemptions)
        yield self._counter("prompt_tokens", "Prefill tokens.", engine.prompt_tokens)
        yield self._counter("generation_tokens", "Tokens.", engine.generated_tokens)
        yield self._finished()
        yield self._cache_config()

    def _cache_config(self) -> Metric:
        config = self._worker.engine.config
        labels = {
            "engine": "0",
            "block_size": str(config.block_size),
            "num_gpu_blocks": str(config.num_blocks),
            "kv_cache_size_tokens": str(config.num_blocks * config.block_size),
            "enable_prefix_caching": "False",
            "sliding_window": "None",
        }
        family = GaugeMetricFamily("vllm:cache_config_info", "CacheConfig.", labels=[*labels])
        family.add_metric([*labels.values()], 1)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"vllm:{name}", text, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"vllm:{name}", text, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family

    def _finished(self) -> Metric:
        family = CounterMetricFamily(
            "vllm:request_success", "Finished requests.", labels=[*self._labels, "finished_reason"]
        )
        for reason in ("stop", "length", "abort", "error", "repetition"):
            done = self._worker.finished[reason]
            family.add_metric([*self._labels.values(), reason], done)
        return family
