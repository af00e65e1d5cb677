"""Connections: all connections of clients, their number bounded, each with its time limits.

One look a second at those that are due, in place of a timer for each connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections import Counter
from time import monotonic
from typing import Protocol

from gateway.clients.certificate import Certificate
from gateway.clients.descriptors import allowed_connections
from gateway.clients.held_answers import CLIENT_TOO_SLOW, HeldAnswers, Reader
from gateway.clients.listen_errors import (
    header_timeout,
    too_many_connections,
    too_many_of_address,
)
from gateway.config.listen import Listen
from gateway.protocol.errors import ApiError

EVICTED = "evicted"
"""Reason for which an idle connection closes when there is one too many."""

REASONS = (
    *(
        "invalid_http",
        "not_found",
        "headers_too_large",
        "url_too_long",
        "header_timeout",
        "pipelined",
    ),
    *("too_many_connections", EVICTED, CLIENT_TOO_SLOW, "no_descriptor"),
)
"""Reasons for which connections are refused or cut."""

_LINGER_S = 2.0
"""Seconds for which a refused client's data is thrown away: a connection that closes while data is
on its way would cost the client the answer."""

_MOST_LINGERING = 200
_LOOK_S = 1.0


class Client(Reader, Protocol):
    """A client's connection, as far as its bounds go."""

    address: str

    def refuse(self, error: ApiError) -> None:
        """Answer with an error instead of what the client asks, and close."""

    def close(self) -> None:
        """Close without an answer, after what has been written."""


class Connections:
    """The connections of a gateway's clients. Each is in one of these states, by who waits:

    ``idle`` (no request has begun), ``receiving`` (a request comes in), ``lingering`` (refused);
    all others wait for an answer or read one.

    Raises:
        ConfigError: the certificate of ``listen.tls`` cannot be used.
    """

    def __init__(self, listen: Listen, answers: HeldAnswers | None = None) -> None:
        self.answers = answers or HeldAnswers(listen)
        self.certificate = Certificate.of(listen.tls)
        self.apply(listen)
        self.refused = Counter(dict.fromkeys(REASONS, 0))
        """Connections that were refused or cut, by reason."""
        self.answers.refused = self.refused
        self._open: set[Client] = set()
        self._by_address: Counter[str] = Counter()
        self._idle: dict[Client, float] = {}
        """Since when; the oldest first."""
        self._receiving: dict[Client, float] = {}
        """Since when the headers come, infinite once they are there; the longest silent first."""
        self._lingering: dict[Client, float] = {}

    def apply(self, listen: Listen) -> None:
        """Take these bounds; connections that are open beyond them stay."""
        self.listen = listen
        self.most = allowed_connections(listen.max_connections)

    def by_state(self) -> dict[str, int]:
        """The number of connections in each state."""
        counts = {
            "idle": len(self._idle),
            "receiving": len(self._receiving),
            "closing": len(self._lingering),
        }
        return {**counts, "answering": len(self._open) - sum(counts.values())}

    def joined(self, client: Client) -> None:
        """A client has connected."""
        client.address = network(client.address)
        self._open.add(client)
        self._by_address[client.address] += 1
        per_address = self.listen.max_connections_per_address
        if per_address is not None and self._by_address[client.address] > per_address:
            client.refuse(too_many_of_address(per_address))
        elif len(self._open) - len(self._lingering) > self.most and not self.evict():
            client.refuse(too_many_connections(self.most))
        else:
            self._idle[client] = monotonic()

    def left(self, client: Client) -> None:
        """A connection is closed."""
        if client not in self._open:
            return
        self._open.discard(client)
        self._by_address[client.address] -= 1
        if not self._by_address[client.address]:
            del self._by_address[client.address]
        for kept in (self._idle, self._receiving, self._lingering):
            kept.pop(client, None)
        self.answers.left(client)

    def heard(self, client: Client) -> None:
        """Data of a request has come."""
        if self._idle.pop(client, None) is not None:
            self._receiving[client] = monotonic()
        elif (since := self._receiving.pop(client, None)) is not None:
            self._receiving[client] = since

    def headers_came(self, client: Client) -> None:
        """The headers are complete; the application bounds the time for the body."""
        if client in self._receiving:
            self._receiving[client] = math.inf

    def answering(self, client: Client) -> None:
        """A whole request has come."""
        self._receiving.pop(client, None)

    def answered(self, client: Client, *, in_headers: bool) -> None:
        """An answer is complete, and no further request waits; the next may have begun."""
        if client not in self._open or client in self._lingering:
            return
        self._receiving.pop(client, None)
        (self._receiving if in_headers else self._idle)[client] = monotonic()

    def lingers(self, client: Client) -> None:
        """A client was refused, and may still send."""
        self._idle.pop(client, None)
        self._receiving.pop(client, None)
        self._lingering[client] = monotonic()
        if len(self._lingering) > _MOST_LINGERING:
            next(iter(self._lingering)).cut("")

    def evict(self) -> bool:
        """Close the connection that is missed least; returns whether there was one.

        An idle one can be opened again. Of those that send, honest ones are not the most silent.
        """
        for client in self._idle:
            self.refused[EVICTED] += 1
            client.cut("")
            return True
        for client in self._receiving:
            client.refuse(too_many_connections(self.most))
            return True
        return False

    async def watch(self) -> None:
        """Close what is over its time, until cancelled."""
        while True:
            listen = self.listen
            sending = min(listen.send_timeout_s, listen.send_timeout_queued_s)
            shortest = min(listen.keep_alive_s, listen.header_timeout_s, sending)
            await asyncio.sleep(min(_LOOK_S, shortest / 4))
            self._look(monotonic())

    def _look(self, now: float) -> None:
        for client in _before(self._idle, now - self.listen.keep_alive_s):
            client.close()
            self._idle.pop(client, None)  # a client that does not read keeps it open a while
        for client in _before(self._lingering, now - _LINGER_S):
            client.cut("")
        begun = now - self.listen.header_timeout_s
        for client in [one for one, since in self._receiving.items() if since < begun]:
            client.refuse(header_timeout(self.listen))
        self.answers.look(now)


def _before(since: dict[Client, float], moment: float) -> list[Client]:
    """The clients, which are in order, that came before a moment."""
    found = []
    for client, began in since.items():
        if began > moment:
            break
        found.append(client)
    return found


def network(address: str) -> str:
    """Whose an address is: of IPv6 everybody has a /64."""
    if ":" not in address:
        return address
    plain = address.partition("%")[0]
    return str(ipaddress.ip_network(f"{plain}/64", strict=False))
