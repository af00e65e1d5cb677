"""Routes: which paths exist, and how the gateway treats the requests of each.

The table ``ROUTES`` is the only place that decides; gateway/README.md shows the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from gateway.protocol.generating import GENERATING


class Treatment(StrEnum):
    """What the gateway does with a request; the values stand in the README's table."""

    GENERATES = "forecast, queued by expected length, relayed"
    QUEUED = "queued with an expected length of one token, relayed"
    AT_ONCE = "relayed at once, beside the queue"
    STORED = "relayed at once to the worker that has the response"
    OWN = "answered by the gateway"
    STEERS = "refused: 403 `endpoint_refused`"
    TO_ALL = "relayed to every worker"
    UNKNOWN = "refused: 404 `not_found`"


_TABLE: Mapping[Treatment, tuple[str, ...]] = {
    Treatment.OWN: ("/health", "/ready", "/metrics", "/v1/models", "/v1/models/*"),
    Treatment.GENERATES: (
        *(f"/v1/{endpoint}" for endpoint in GENERATING),
        "/invocations",
    ),
    Treatment.STORED: ("/v1/responses/*",),
    Treatment.AT_ONCE: (
        *("/tokenize", "/detokenize", "/tokenizer_info", "/ping", "/version"),
        *("/v1/tokenize", "/v1/detokenize", "/v1/messages/count_tokens"),
        *("/v1/chat/completions/render", "/v1/chat/completions/derender"),
        *("/v1/completions/render", "/v1/completions/derender"),
        *("/v1/responses/render", "/v1/messages/render"),
    ),
    Treatment.QUEUED: (
        *("/v1/embeddings", "/v2/embed", "/pooling", "/classify", "/generative_scoring"),
        *("/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank", "/v1/systemone"),
        *("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/chat/completions/batch"),
    ),
    Treatment.STEERS: (
        *("/sleep", "/wake_up", "/is_sleeping", "/release_*", "/pause", "/resume", "/is_paused"),
        *("/reset_*", "/collective_rpc", "/abort_requests", "/inference/v1/abort_requests"),
        *("/update_*", "/init_*", "/shutdown_*", "/start_*", "/stop_*", "/finish_*"),
        *("/weight_*", "/get_world_size", "/scale_elastic_ep", "/is_scaling_elastic_ep"),
        *("/load_lora_adapter", "/unload_lora_adapter", "/server_info", "/fault_tolerance/*"),
    ),
}
"""Paths by treatment. ``/a/*`` and ``/a_*`` stand for every path with this beginning; the longest
beginning decides. ``STEERS`` also holds under /v1, and before everything else."""

ROUTES: Mapping[str, Treatment] = {
    path: treatment for treatment, paths in _TABLE.items() for path in paths
}
"""The table: path -> treatment of a POST. No other path reaches a worker. Under generating and
queued paths, every other method generates nothing and is relayed at once."""

RELAYED = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""Methods that may reach a worker."""

NEVER = ("CONNECT", "TRACE")
"""Methods that reach no worker: the first makes tunnels, the second would show keys."""

_READ = ("GET", "HEAD")
_PREFLIGHT = ("OPTIONS",)
_METHODS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_TABLE[Treatment.OWN], _READ),
    **dict.fromkeys(("/tokenizer_info", "/version"), (*_READ, *_PREFLIGHT)),
    "/ping": (*_READ, *_PREFLIGHT, "POST"),
    "/v1/responses/*": ("DELETE", *_READ, *_PREFLIGHT, "POST"),
}
"""Methods of the table's paths; a path that is not here has POST and what browsers ask before."""

_FOR_CLIENTS = (Treatment.GENERATES, Treatment.QUEUED, Treatment.AT_ONCE, Treatment.OWN)
_USUAL_PATHS = 64
"""Paths whose treatment is remembered: to look one up compares it with all beginnings."""

_BEGINNINGS = sorted((path[:-1] for path in ROUTES if path.endswith("*")), key=len, reverse=True)


@lru_cache(_USUAL_PATHS)
def normal(path: str) -> str:
    """A decoded path as servers and proxies may read it: without empty parts and parts ``.``."""
    return "/" + "/".join(part for part in path.split("/") if part not in {"", "."})


class Routes:
    """The table with the operator's exceptions.

    Args:
        at_once: queued or unknown paths whose requests are relayed at once.
        to_all: steering or unknown paths whose requests go to every worker.
        queued: unknown paths whose requests wait in the queue.
    """

    def __init__(
        self,
        at_once: Iterable[str] = (),
        to_all: Iterable[str] = (),
        queued: Iterable[str] = (),
    ) -> None:
        self._changed = {
            **{normal(path): Treatment.QUEUED for path in queued},
            **{normal(path): Treatment.AT_ONCE for path in at_once},
            **{normal(path): Treatment.TO_ALL for path in to_all},
        }

    def treatment(self, method: str, path: str) -> Treatment:
        """How to treat a request of ``path``, decoded, without its query."""
        path = normal(path)
        if ".." in path.split("/"):  # leads to paths that the table would refuse
            return Treatment.UNKNOWN
        treatment = self._changed.get(path) or treatment_of(path)
        waits = treatment in {Treatment.GENERATES, Treatment.QUEUED}
        return Treatment.AT_ONCE if waits and method != "POST" else treatment

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods that may be used with ``path``, decoded; none for an unknown path."""
        path = normal(path)
        if self.treatment("POST", path) is Treatment.UNKNOWN:
            return ()
        changed = path in self._changed and path not in ROUTES
        return RELAYED if changed else methods_of(path)


@lru_cache(_USUAL_PATHS)
def treatment_of(path: str) -> Treatment:
    """The table's treatment of a normal path."""
    if _look_up(path.removeprefix("/v1")) is Treatment.STEERS:
        return Treatment.STEERS
    return _look_up(path)


@lru_cache(_USUAL_PATHS)
def methods_of(path: str) -> tuple[str, ...]:
    """The methods of a normal path that the table has."""
    if treatment_of(path) is Treatment.STEERS:
        return RELAYED
    return _METHODS.get(_row(path), ("OPTIONS", "POST"))


def _look_up(path: str) -> Treatment:
    return ROUTES.get(_row(path), Treatment.UNKNOWN)


def _row(path: str) -> str:
    """The table's path that stands for this one, "" for none."""
    if path in ROUTES:
        return path
    begin = next((begin for begin in _BEGINNINGS if path.startswith(begin)), None)
    return "" if begin is None else begin + "*"


def meant(path: str) -> str:
    """The served path of a client whose base URL lacks ``/v1`` or has it twice; "" for none."""
    path = normal(path)
    near = ("/v1" + path, path.removeprefix("/v1"))
    served = (one for one in near if one != path and ROUTES.get(one) in _FOR_CLIENTS)
    return next(served, "")


def endpoint_of(path: str) -> str:
    """The name of a path's endpoint: ``chat/completions`` for ``/v1/chat/completions``."""
    return normal(path).removeprefix("/v1/").removeprefix("/")


def spoken(endpoint: str, fields: Mapping[str, Any]) -> str:
    """The endpoint whose body ``fields`` are.

    SageMaker's ``/invocations`` takes the bodies of every endpoint: the fields tell which. A server
    that cannot read ``messages`` goes on to ``prompt``, which may hold many prompts: it counts.
    """
    if endpoint != "invocations":
        return endpoint
    apis = {"prompt": "completions", "messages": "chat/completions"}
    return next((api for name, api in apis.items() if name in fields), endpoint)
