"""Descriptors: how many connections the process's limit on open files allows."""

from __future__ import annotations

import logging

from gateway.config.errors import ConfigError

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

log = logging.getLogger("lengthwise")

MOST_CONNECTIONS = 20_000
"""Client connections without a setting: twice the queue's default length."""

FEW_CONNECTIONS = 256
"""As many engines run by default. Where descriptors allow fewer connections, the log says so."""

LEAST = 64
"""Descriptors without which the gateway does not start: of fewer, its own leave next to none."""

_OWN = 100
"""Descriptors for files, the log, probes and the like; at most half of a low limit."""


def check_descriptors() -> None:
    """Raise the limit on open files where it is too low to start.

    Raises:
        ConfigError: that is not allowed.
    """
    limit = _raised(LEAST)
    if limit is not None and limit < LEAST:
        raise ConfigError(
            f"the process may have {limit} open files (ulimit -n), and the gateway needs at least "
            f"{LEAST}, better 4096 or more. Type: ulimit -n 4096 (systemd: LimitNOFILE=; Docker: "
            "--ulimit nofile=)."
        )


def allowed_connections(wanted: int | None) -> int:
    """How many client connections to keep: ``wanted``, or fewer if descriptors are too few.

    Each may need a second descriptor, for the connection to a worker: without it, requests would
    fail that have waited for their turn. The soft limit is raised as far as this needs.
    """
    connections = MOST_CONNECTIONS if wanted is None else wanted
    limit = _raised(2 * connections + _OWN)
    if limit is None or limit >= 2 * connections + _OWN:
        return connections
    fewer = max(1, (limit - min(_OWN, limit // 2)) // 2)
    if wanted is not None:
        log.warning(
            "listen.max_connections is %d, but %d descriptors (ulimit -n) allow only %d",
            *(wanted, limit, fewer),
        )
    elif fewer < FEW_CONNECTIONS:
        log.warning(
            "%d descriptors (ulimit -n) allow only %d connections of clients; raise the limit, "
            "such as to 4096",
            *(limit, fewer),
        )
    return fewer


def _raised(needed: int) -> int | None:
    """The limit on open files, raised towards ``needed`` where that is allowed; None: unlimited."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    target = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if target > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        except (OSError, ValueError):
            return soft
        return target
    return soft
