"""Carried: a client's request that somebody else brings to its worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from gateway.protocol.openai import ApiRequest
from gateway.workers.answer import Answer, Carrier
from gateway.workers.backend import Backend
from gateway.workers.credentials import headers_for, key_is_missing
from gateway.workers.exchanges import Exchange


@asynccontextmanager
async def _carried(
    carrier: Carrier,
    backend: Backend,
    request: ApiRequest,
    target: str,
    headers: Mapping[str, str],
    *,
    priority: int | None,
    exchange: Exchange,
) -> AsyncIterator[Answer]:
    """Let ``carrier`` bring a request to a worker, with the keys that the worker is to have."""
    sent = headers_for(backend.config, headers)
    shown = priority if request.generates else None
    with exchange:
        body = request.for_carrier()
        async with carrier.carry(backend.id, target, sent, body, shown) as answer:
            backend.unauthorized = key_is_missing(backend.config, answer.status)
            yield answer


def sent_to(  # noqa: PLR0917 - the parts of one request
    carrier: Carrier | None,
    backend: Backend,
    request: ApiRequest,
    method: str,
    target: str,
    headers: Mapping[str, str],
    priority: int | None,
    exchange: Exchange,
) -> AbstractAsyncContextManager[Answer]:
    """An attempt at a worker by the gateway's own connection, or by ``carrier`` if there is one.

    ``target``: path and query, encoded. The block ends early when ``exchange`` is ended.

    Raises:
        FAILURES: as ``Backend.request`` and ``Carrier.carry``.
    """
    if carrier is None:
        return backend.request(method, target, headers, request.for_worker(priority), exchange)
    what = (carrier, backend, request, target, headers)
    return _carried(*what, priority=priority, exchange=exchange)
