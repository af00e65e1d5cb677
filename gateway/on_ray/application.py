"""The gateway as an application of Ray Serve: ``serve run gateway.on_ray.application:app``."""

from __future__ import annotations

from typing import Any

from ray import serve

from gateway.config.settings import Config
from gateway.on_ray.arguments import read_arguments, settings_text
from gateway.on_ray.replica import Replica, replica_config
from gateway.on_ray.shared import shared_scheduler

PASSED_BY = 1_000
"""Requests of a replica that do not wait in the queue: status pages, embeddings, running ones."""

LAST_WORDS_S = 5.0
"""Seconds beyond the drain for a replica to save and close what it has."""


class Gateway:
    """One replica, as Serve's controller sees it."""

    app: Replica
    """The application; Serve sets it."""

    async def check_health(self) -> None:
        """Fail where the gateway cannot go on, so that Serve starts another replica.

        No healthy worker is no reason: another replica would have none either.

        Raises:
            RuntimeError: the gateway cannot go on.
        """
        if self.app.broken:
            raise RuntimeError(self.app.broken)


def app(args: dict[str, Any]) -> serve.Application:
    """The application for Serve, with ``args`` as ``Arguments`` describes them.

    Raises:
        ConfigError: the arguments or the configuration cannot be used.
    """
    arguments = read_arguments(args)
    settings, workers = settings_text(arguments), arguments.workers
    config = replica_config(settings, workers)  # a fault is told before anything starts

    def build() -> Replica:
        if arguments.pool is None:
            return Replica(settings, workers)
        name = serve.get_replica_context().replica_id.unique_id
        return Replica(settings, workers, shared_scheduler(arguments.pool, name))

    made: serve.Application = (
        serve.deployment(serve.ingress(build)(Gateway), name="Gateway")
        .options(num_replicas=arguments.replicas, **_options(config))
        .bind()
    )
    return made


def _options(config: Config) -> dict[str, Any]:
    """What Serve must know for its bounds to be the gateway's.

    Serve's own default lets five requests into a replica and holds the rest in its proxies, in the
    order of their arrival: the gateway's queue would be empty.
    """
    waiting = config.queue.max_waiting + PASSED_BY
    drain_s = config.shutdown.drain_timeout_s + LAST_WORDS_S
    return {"max_ongoing_requests": waiting, "graceful_shutdown_timeout_s": drain_s}
