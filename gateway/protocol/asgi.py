"""Asgi: the types of ASGI applications, and what the gateway's own tell each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.protocol.routes import Treatment, normal, treatment_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OWN_ANSWER = "lengthwise.own"
"""Key of a message that starts an answer of the gateway's own, such as an error."""


def is_own(path: str) -> bool:
    """Whether the gateway answers a path itself."""
    return treatment_of(normal(path)) is Treatment.OWN


_RELAYED = {Treatment.GENERATES, Treatment.QUEUED, Treatment.AT_ONCE, Treatment.STORED}


def is_relayed(path: str) -> bool:
    """Whether the table gives a path to workers, so that no page of the gateway has it."""
    return treatment_of(normal(path)) in _RELAYED


def target(scope: Scope) -> str:
    """Path and query as the client encoded them: a second encoding could change the meaning."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
