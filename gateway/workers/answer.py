"""Answer: a worker's answer as the relay reads it, and Carrier: who brings it there instead of us.

aiohttp's response is an ``Answer``. Where a proxy carries the requests, the proxy's messages are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from multidict import CIMultiDict

CARRIER = "lengthwise.carrier"
"""Key of a request's scope that holds its ``Carrier``; absent where the gateway sends itself."""


class Content(Protocol):
    """The bytes of an answer's body."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come."""
        ...

    def at_eof(self) -> bool:
        """Whether nothing is left."""
        ...


class Answer(Protocol):
    """One answer of a worker."""

    @property
    def status(self) -> int:
        """The status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whatever their case."""
        ...

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Names and values as they came."""
        ...

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        ...

    @property
    def content(self) -> Content:
        """The body."""
        ...

    def close(self) -> None:
        """Read no further."""
        ...


class Carrier(Protocol):
    """Brings one request to the worker that the scheduler has chosen, and its answer back."""

    placed: bool
    """Whether the request is at a worker."""

    def among(self, workers: Sequence[str]) -> frozenset[str]:
        """Those of these workers (URLs) that may take the request; none for all of them.

        Raises:
            ApiError: the request names endpoints, and none of these workers is among them.
        """
        ...

    def carry(
        self,
        worker: str,
        target: str,
        headers: CIMultiDict[str],
        body: bytes,
        priority: int | None,
    ) -> AbstractAsyncContextManager[Answer]:
        """Send the request to a worker (URL), once; the block has its answer.

        Raises:
            FAILURES: the worker cannot be named, or the request is at another one.
        """
        ...
