"""A request router for Ray Serve LLM that sends requests by forecast: shortest expected first.

    LLMConfig(..., deployment_config={"request_router_config": {
        "request_router_class": "gateway.on_ray.router.ForecastRouter",
        "request_router_kwargs": {"slots": 256}}})

Serve's interface of routers (``ray.serve.request_router``) is alpha.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from gateway.config.settings import Config
from gateway.on_ray.forecasts import Forecasts
from gateway.on_ray.turns import Turns
from scheduler.actions import Dispatch
from scheduler.engine_priority import priority
from scheduler.job import Job

log = logging.getLogger("lengthwise")

SLOTS = 256
"""Sequences that one engine runs at once, vLLM's own default on most GPUs."""

AGAIN_S = 0.025
"""Seconds before a request asks again whose replica had no room: Serve's own first pause."""

LOST_S = 60.0
"""Seconds after which a turn is free again that was taken and never used: Serve does not tell of a
request that is cancelled between the choice of its replica and its sending."""


class ForecastRouter(RequestRouter):
    """Holds each request until its turn, and places it on the replica of least expected work.

    What Serve's interface allows: ``choose_replicas`` may wait, and gives the replica of the very
    request for which it was called. With a routing task for each request the order is the
    scheduler's, not that of Serve's queue. vLLM gets its priority in the body.

    Where it does not:

    - Serve makes a router for each handle: in each proxy and in each replica of the ingress. The
      order is one within each of them, and they do not share their slots; a replica that another
      router has filled refuses, and the request asks again with its old key.
    - Only a deployment that is called with the body (as Serve LLM's servers are) can be forecast.
      A proxy routes a deployment with HTTP ingress before it has read the body.
    - A router sees no tokens: lengths are not learnt, progress is estimated, KV memory not guarded.
    - A router cannot refuse: bound what waits with ``max_queued_requests``.
    - Serve's queue itself is a private deque, cleared from its front. While its first request
      waits, what was served after it stays in memory.
    """

    def initialize_state(  # type: ignore[override,unused-ignore]
        self, slots: int = SLOTS, config: Mapping[str, Any] | None = None
    ) -> None:
        """Take ``request_router_kwargs``.

        Args:
            slots: sequences that an engine runs at once (vLLM's ``--max-num-seqs``).
            config: sections ``scheduling``, ``slo`` and ``predictor`` as in deploy/lengthwise.yaml.
        """
        self._settings = Config.model_validate(dict(config or {}))
        self._most = slots
        self._turns = Turns(self._settings, self.app_name)
        self._forecasts = Forecasts(self._settings, self.app_name)
        self._calls: dict[str, list[PendingRequest]] = {}
        self._jobs: dict[int, Job] = {}
        self._sent: set[int] = set()

    @property
    def target_num_routing_tasks(self) -> int:
        """One more than there are: each request gets a task of its own, in which it waits."""
        there: int = self.curr_num_routing_tasks
        return there + 1

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Take the replicas that run now."""
        self._forecasts.load()
        super().update_replicas(replicas)
        most = self._most
        self._turns.set_replicas(
            {one.replica_id.unique_id: min(most, one.max_ongoing_requests) for one in replicas}
        )

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Wait for the turn of the request; the replica that it goes to."""
        if pending_request is None:
            return [candidate_replicas]
        dispatch = await self._turn(pending_request)
        self._tell_priority(pending_request, dispatch)
        chosen = [
            one
            for one in self.curr_replicas.values()
            if one.replica_id.unique_id == dispatch.worker_id
        ]
        return [chosen]

    async def _turn(self, pending: PendingRequest) -> Dispatch:
        if self._turns.holds(pending):
            await asyncio.sleep(AGAIN_S)
        job = self._jobs.get(id(pending))
        if job is None:
            loop = asyncio.get_running_loop()
            arrival = loop.time() - max(0.0, time.time() - pending.created_at)
            job = await self._forecasts.job(pending.args, arrival)
            self._remember(pending, job)
        try:
            dispatch = await self._turns.take(pending, job)
        except BaseException:
            self._forget(pending)
            raise
        pending.future.add_done_callback(lambda future: self._chosen(pending, future))
        return dispatch

    def _remember(self, pending: PendingRequest, job: Job) -> None:
        self._jobs[id(pending)] = job
        self._calls.setdefault(pending.metadata.internal_request_id, []).append(pending)

    def _forget(self, pending: PendingRequest) -> None:
        self._turns.end(pending)
        self._jobs.pop(id(pending), None)
        self._sent.discard(id(pending))
        name = pending.metadata.internal_request_id
        left = [one for one in self._calls.pop(name, []) if one is not pending]
        if left:
            self._calls[name] = left

    def _chosen(self, pending: PendingRequest, future: asyncio.Future[Any]) -> None:
        """Free the turn of a request that has gone before it was sent."""
        if future.cancelled():
            self._forget(pending)
        else:
            asyncio.get_running_loop().call_later(LOST_S, self._free_lost, pending, future)

    def _free_lost(self, pending: PendingRequest, future: asyncio.Future[Any]) -> None:
        known = self._turns.holds(pending) and pending.future is future
        if known and id(pending) not in self._sent and self.supports_rejection_protocol:
            self._forget(pending)

    def _tell_priority(self, pending: PendingRequest, dispatch: Dispatch) -> None:
        """Set the body's ``priority``, for an engine with ``scheduling_policy: priority``."""
        if not self._settings.scheduling.send_priority:
            return
        value = priority(dispatch.job.urgency, dispatch.key)
        for arg in pending.args:
            if isinstance(arg, dict) and ("messages" in arg or "prompt" in arg):
                arg["priority"] = value
            elif hasattr(arg, "priority"):
                arg.priority = value

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        """Note that a replica has taken the request."""
        super().on_request_routed(pending_request, replica_id, result)
        if self._turns.holds(pending_request):
            self._sent.add(id(pending_request))

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """Give the place of a request that has ended to the next one."""
        super().on_request_completed(replica_id, internal_request_id)
        for pending in self._calls.get(internal_request_id, ()):
            if self._turns.holds(pending, replica_id.unique_id):
                self._forget(pending)
                return
