"""What a front takes of the configuration: its share of each bound that all fronts keep together.

A setting that several processes cannot keep together is refused at the start, never multiplied.
"""

from __future__ import annotations

import math

from gateway.clients.descriptors import MOST_CONNECTIONS
from gateway.config.errors import ConfigError
from gateway.config.settings import Config
from gateway.fronts.handoff import Handoff
from gateway.usage.files import file_of_front

ONE = "or serve by one process (listen.fronts: 1)"


def check(config: Config, model: str | None) -> None:
    """Refuse what several fronts cannot do together.

    Raises:
        ConfigError: a setting is refused; the message names it and the remedy.
    """
    count = config.listen.fronts
    if model is not None:
        raise ConfigError(
            f"--model: {count} fronts start no vLLM. Start it with `vllm serve` and give its URL "
            f"to --worker, {ONE}."
        )
    if not config.workers and not config.discovery.finds:
        raise ConfigError(
            f"workers: none is given, and {count} fronts start no emulated one. Give --worker URL "
            f"(`lengthwise emulate` serves one on port 8000), {ONE}."
        )
    if config.listen.max_connections_per_address is not None:
        raise ConfigError(
            f"listen.max_connections_per_address: {count} fronts do not count an address's "
            f"connections together. Let a proxy bound them and set null, {ONE}."
        )
    if config.learning.folder is not None:
        raise ConfigError(
            f"learning.folder: {count} fronts cannot write one served log. Unset it, {ONE}."
        )
    if config.shadow.enabled == "on":
        raise ConfigError(
            f"shadow.enabled: on, and no shadow sees the requests of all {count} fronts. Set off, "
            f"{ONE}."
        )
    _check_memory(config, count)


def _check_memory(config: Config, count: int) -> None:
    """Each front must be able to hold the largest body and the largest answer."""
    for whole, one in (
        ("max_bodies_bytes", "max_body_bytes"),
        ("max_answers_bytes", "max_answer_bytes"),
    ):
        most, largest = getattr(config.requests, whole), getattr(config.requests, one)
        factor = 2 if one == "max_body_bytes" else 1
        if most // count < factor * largest:
            raise ConfigError(
                f"requests.{whole}: {count} fronts share {most} bytes, and each needs "
                f"{factor * largest} for requests.{one} {largest}. Raise the first to "
                f"{count * factor * largest}, or lower the second."
            )


def as_front(config: Config, handoff: Handoff) -> Config:
    """The configuration of one front, after each reading of the whole gateway's.

    Raises:
        ConfigError: several fronts cannot keep a setting together; a reload is refused as a start.
    """
    check(config, None)
    count = handoff.count
    listen, requests, usage = config.listen, config.requests, config.usage
    connections = listen.max_connections or MOST_CONNECTIONS
    file = usage.file and file_of_front(usage.file, handoff.number)
    return config.model_copy(
        update={
            "listen": listen.model_copy(update={"max_connections": math.ceil(connections / count)}),
            "requests": requests.model_copy(
                update={
                    "max_bodies_bytes": requests.max_bodies_bytes // count,
                    "max_answers_bytes": requests.max_answers_bytes // count,
                    "retries_per_s": requests.retries_per_s / count,
                }
            ),
            "access": config.access.model_copy(
                update={"failures_per_min": math.ceil(config.access.failures_per_min / count)}
            ),
            "usage": usage.model_copy(
                update={"file": file, "max_keys": math.ceil(usage.max_keys / count)}
            ),
            "admin": config.admin.model_copy(update={"dashboard": False, "token": None}),
            "shadow": config.shadow.model_copy(update={"enabled": "off"}),
        }
    )
