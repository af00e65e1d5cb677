"""AtOnce: relays requests that generate nothing, beside the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field

from gateway.config.settings import Config
from gateway.metrics import Metrics
from gateway.protocol.errors import ApiError
from gateway.requests.refusals import WorkerErrorRelayed, WorkerFailed, WorkerRefused
from gateway.requests.rejections import (
    no_healthy_worker,
    request_timeout,
    time_limit,
    workers_failed,
    workers_refused,
)
from gateway.requests.relay import Relay
from gateway.requests.retry_budget import RetryBudget
from gateway.requests.shared_timeouts import SharedTimeouts
from gateway.requests.told import Told
from gateway.requests.traced import attempt
from gateway.workers.fleet import Fleet
from gateway.workers.member import Member

LOOK_S = 0.05
"""Seconds between two looks for a healthy worker."""


@dataclass(slots=True)
class AtOnce:
    """Sends each request to a worker without asking the scheduler, to the workers in turn.

    Such a request costs a worker's engine nothing, so it waits for no slot and no memory.
    """

    config: Config
    fleet: Fleet
    metrics: Metrics
    budget: RetryBudget
    timeouts: SharedTimeouts = field(default_factory=SharedTimeouts)
    _turn: int = 0

    async def run(self, relay: Relay, model: str, worker_id: str | None = None) -> None:
        """Carry one request to its end; ``worker_id`` is the only worker that can answer it.

        Raises:
            ApiError: there is no complete answer.
            WorkerErrorRelayed: the answer was the worker's own error.
        """
        try:
            with self.timeouts.at(time_limit(relay.record, self.config)):
                status = await self._forward(relay, model, worker_id)
        except TimeoutError:
            raise request_timeout(relay.record, self.config) from None
        if status >= 400:
            raise WorkerErrorRelayed(status)

    async def _forward(self, relay: Relay, model: str, worker_id: str | None) -> int:
        tried, refused = set[str](), None
        last: ApiError | None = None
        retries = self.budget.begin(once=relay.carrier is not None)
        while True:
            try:
                member = await self._member(model, worker_id, tried, relay.among)
            except ApiError:
                if refused is None:
                    raise
                break
            member.at_once += 1
            relay.told = Told(worker=member.id)
            try:
                with attempt(relay, member.id):
                    return await relay.forward(None, member.id, None)
            except WorkerFailed as error:
                self.metrics.worker_failures.labels(member.id).inc()
                tried.add(member.id)
                failed: WorkerFailed | WorkerRefused = error
                last = error.error
            except WorkerRefused as error:
                self.metrics.worker_refusals.labels(member.id).inc()
                tried.add(member.id)
                failed = refused = error
            finally:
                member.at_once -= 1
            elsewhere = worker_id is None and bool(self.fleet.untried(model, tried))
            if isinstance(failed, WorkerRefused):
                again = elsewhere and await retries.again(elsewhere=True)
            else:
                again = (elsewhere or not failed.lasting) and await retries.again(
                    elsewhere=elsewhere, free=failed.moved
                )
            if not again:
                break
        if refused is None:
            raise workers_failed(self.config, last, denied=retries.denied)
        if relay.falls_back:
            raise workers_refused(refused.status)
        return await relay.give(refused)

    async def _member(
        self,
        model: str,
        worker_id: str | None,
        tried: Container[str],
        among: frozenset[str] = frozenset(),
    ) -> Member:
        """A worker for the request; waits through a restart of all as the queue does.

        One that has refused this or other requests comes last.

        Raises:
            ApiError: no worker was healthy within ``queue.no_worker_grace_s``.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.config.queue.no_worker_grace_s
        while True:
            named = [m for m in self.fleet.members if m.id == worker_id and m.healthy]
            any_of = self.fleet.untried(model, tried) or self.fleet.served(model)
            members = any_of if worker_id is None else named
            if members := [one for one in members if not among or one.id in among]:
                self._turn += 1
                return members[self._turn % len(members)]
            if loop.time() >= deadline:
                raise no_healthy_worker(model, self.config, self.fleet.trouble(model))
            await asyncio.sleep(LOOK_S)
