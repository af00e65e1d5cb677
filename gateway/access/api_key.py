"""API keys: made with 256 bits of chance, kept as digests, found in a request's headers."""

from __future__ import annotations

import hashlib
import secrets

from gateway.protocol.headers import KEYS, Headers

PREFIX = "lw-"
"""Beginning of the keys that are made here, so that scanners for leaked secrets can find them."""

LONGEST = 16_384
"""Bytes of the longest credential that is looked at: a token of a large directory has some 8,000.
"""

_KEYS = frozenset(name.encode() for name in KEYS)
_AUTHORIZATION = b"authorization"


class AmbiguousKeysError(ValueError):
    """A request's headers hold several different keys, or one that cannot be read."""


def new_key() -> str:
    """A new key: 256 bits from the operating system's source."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """The key's digest, which is kept in its place.

    One plain SHA-256: a slow hash would protect keys that people think of, and these are drawn by
    chance. Digests may be looked up in a table: whoever times the look-up learns about a digest
    that he cannot choose, and nothing about the key.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def key_in(headers: Headers) -> str:
    """The key in a request's headers, "" without one.

    A key may stand in several headers, as some clients send it; two different ones are refused,
    since a proxy before the gateway may have looked at the other one.

    Raises:
        AmbiguousKeysError: the message tells what is wrong with the headers.
    """
    found = ""
    for name, value in headers:
        if name in _KEYS and (key := _key(name, value)):
            if found and key != found:
                raise AmbiguousKeysError("The request has several different API keys. Send one.")
            found = key
    return found


def _key(name: bytes, value: bytes) -> str:
    if len(value) > LONGEST:
        raise AmbiguousKeysError(f"The API key has more than {LONGEST} bytes.")
    text = value.decode("latin-1").strip(" \t")
    if name != _AUTHORIZATION:
        return text
    scheme, _, key = text.partition(" ")
    if text and scheme.lower() != "bearer":
        raise AmbiguousKeysError("Send the API key as Authorization: Bearer KEY.")
    return key.strip(" \t")
