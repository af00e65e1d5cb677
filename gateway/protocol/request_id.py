"""The id of a request: the client's, if it is short and plain, else a new one."""

from __future__ import annotations

import re
import uuid

from gateway.protocol.headers import Headers, header

MOST_CHARACTERS = 128

_PLAIN = re.compile(rf"[!-~]{{1,{MOST_CHARACTERS}}}")
"""Visible ASCII: other characters could steer the terminal in which a log is read."""


def request_id(headers: Headers) -> str:
    """The client's ``X-Request-Id``, which goes into logs and to workers, or a new one."""
    given = header(headers, b"x-request-id")
    return given if _PLAIN.fullmatch(given) else uuid.uuid4().hex
