"""SchedulerActor: the one scheduler of all gateway replicas of a pool of workers, as a Ray actor.

Ray keeps it unique by its name, starts it again when its process or its node dies, and tells the
replicas where it is now. What they say to each other goes past Ray, over gRPC
(``gateway/remote_scheduler``): a call of an actor for each operation would take a millisecond.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from dataclasses import dataclass
from typing import Any

import ray

from gateway.on_ray.certificate import self_signed, server_context
from gateway.on_ray.orphan import end_with_node
from gateway.protocol.listener import bound_sockets

NAMESPACE = "lengthwise"

ALL = 1_000_000
"""Fronts that a new scheduler waits for: a second, since it cannot know how many there are, nor
whether one before it has left requests with them."""

UNUSED_S = 600.0
"""Seconds without a call of any replica after which the actor ends: a detached actor outlives the
application."""

CPUS = 0.5
"""Ray's share of a CPU for the placement: not on a head node without CPUs for applications."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a scheduler listens, and how a replica and the scheduler know each other."""

    host: str
    port: int
    token: str
    certificate: str
    """As PEM: the only one that is trusted there."""
    pid: int


class SchedulerActor:
    """Serves the replicas from its first call on, in the event loop of the actor."""

    def __init__(self) -> None:
        self._here: Whereabouts | None = None
        self._called = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    async def whereabouts(self) -> Whereabouts:
        """Where the scheduler listens. Replicas ask again and again, and so keep it alive."""
        self._called = time.monotonic()
        if self._here is None:
            self._here = self._start()
        return self._here

    def _start(self) -> Whereabouts:
        from gateway.remote_scheduler.address import TOKEN  # noqa: PLC0415
        from gateway.remote_scheduler.server import serve  # noqa: PLC0415

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        host = ray.util.get_node_ip_address()
        token, certificate = secrets.token_hex(32), self_signed(host)
        os.environ[TOKEN] = token
        context = server_context(certificate)
        sockets = bound_sockets(host, 0)
        port = sockets[0].getsockname()[1]
        served = serve(sockets, context, time.time_ns() // 1000, ALL, f"{host}:{port}")
        works = (served, self._leave_unused(), end_with_node())
        self._tasks = [asyncio.create_task(one) for one in works]
        self._tasks[0].add_done_callback(lambda _: os._exit(1))  # Ray starts another one
        return Whereabouts(host, port, token, certificate.public, os.getpid())

    async def _leave_unused(self) -> None:
        while time.monotonic() < self._called + UNUSED_S:  # noqa: ASYNC110 - time alone tells
            await asyncio.sleep(UNUSED_S / 10)
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def scheduler_of(pool: str) -> Any:
    """The handle of a pool's actor, which is made if there is none."""
    made = ray.remote(SchedulerActor).options(
        name=f"scheduler:{pool}",
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=-1,
        num_cpus=CPUS,
    )
    return made.remote()
