"""AdminClient: asks an admin listener; what goes wrong is one line with its remedy."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from pathlib import Path
from typing import Any

from gateway.admin.commands.target import MORE_WAYS, Target

TIMEOUT_S = 10.0
"""Seconds until a gateway that does not answer is given up."""

MOST_BYTES = 64 * 2**20


class Unanswered(Exception):
    """There is no answer to show; the message is one line with the remedy."""


class AdminClient:
    """Asks one admin listener, each time on a connection of its own."""

    def __init__(self, target: Target, timeout_s: float = TIMEOUT_S) -> None:
        self._target = target
        self._timeout_s = timeout_s

    def get(self, path: str) -> dict[str, Any]:
        """The JSON of a page.

        Raises:
            Unanswered: no gateway answers, or with an error.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a change; raises as ``get`` does."""
        return self._ask("POST", path, json.dumps(fields or {}).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        connection = _connection(self._target, self._timeout_s)
        headers = {"accept": "application/json"}
        if self._target.token is not None and self._target.path is None:
            headers["authorization"] = f"Bearer {self._target.token}"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read(MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(self._refused(error)) from None
        finally:
            connection.close()
        return self._answer(response.status, text)

    def _answer(self, status: int, text: bytes) -> dict[str, Any]:
        shown = self._target.shown
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unanswered(f"{shown} answers, but is no gateway's admin listener: {MORE_WAYS}")
        if status < 400:
            return answer
        error = answer.get("error")
        message = error.get("message") if isinstance(error, dict) else error
        if not message or (
            isinstance(error, dict) and "type" in error
        ):  # OpenAI's shape: of clients' errors
            raise Unanswered(
                f"{shown} answers {status}, but is not where operators are served, which is "
                "another address than the clients': start the gateway with admin.listen set, and "
                f"{MORE_WAYS}"
            )
        raise Unanswered(f"{shown} answers {status}: {message}")

    def _refused(self, error: Exception) -> str:
        shown = self._target.shown
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EACCES:
            return f"{shown} is not open to you: run the command as the gateway's user"
        if isinstance(error, TimeoutError):
            return f"{shown} has not answered for {self._timeout_s:g} s: is the gateway's host up?"
        reason = error.strerror if isinstance(error, OSError) else None
        return (
            f"no gateway answers on {shown} ({(reason or type(error).__name__).lower()}): start it "
            f"with admin.listen set, or {MORE_WAYS}"
        )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _connection(target: Target, timeout_s: float) -> http.client.HTTPConnection:
    if target.path is not None:
        return _UnixConnection(target.path, timeout_s)
    if target.tls:
        return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_s)
    return http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
