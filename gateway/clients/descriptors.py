"""Descriptors: how many connections the process's limit on open files allows."""

from __future__ import annotations

import logging

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

log = logging.getLogger("lengthwise")

MOST_CONNECTIONS = 20_000
"""Client connections without a setting: twice the queue's default length."""

_OWN = 100
"""Descriptors for files, the log, probes and the like."""


def allowed_connections(wanted: int | None) -> int:
    """How many client connections to keep: ``wanted``, or fewer if descriptors are too few.

    Each may need a second descriptor, for the connection to a worker: without it, requests would
    fail that have waited for their turn. The soft limit is raised as far as this needs.
    """
    connections = MOST_CONNECTIONS if wanted is None else wanted
    limit = _raised(2 * connections + _OWN)
    if limit is None or limit >= 2 * connections + _OWN:
        return connections
    fewer = max(1, (limit - _OWN) // 2)
    if wanted is not None:
        log.warning(
            "listen.max_connections is %d, but %d descriptors (ulimit -n) allow only %d",
            *(wanted, limit, fewer),
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
