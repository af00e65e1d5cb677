"""Messages as bytes, which are checked as they are read."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.remote_scheduler.front_messages import FromFront
from gateway.remote_scheduler.scheduler_messages import FromScheduler
from gateway.remote_scheduler.states import MOST_BYTES, VERSION

_encoder = msgspec.msgpack.Encoder()
_of_front = msgspec.msgpack.Decoder(list[FromFront])
_of_scheduler = msgspec.msgpack.Decoder(list[FromScheduler])


class BadMessage(ValueError):
    """A message that says what it must not."""


def encode(entries: list[Any]) -> bytes:
    """A message of these entries."""
    return _encoder.encode(entries)


def from_front(data: bytes) -> list[FromFront]:
    """The entries of a front's message.

    Raises:
        BadMessage: it is no message, or too large.
    """
    entries: list[FromFront] = _read(_of_front, data)
    return entries


def from_scheduler(data: bytes) -> list[FromScheduler]:
    """The entries of the scheduler's message.

    Raises:
        BadMessage: it is no message, or too large.
    """
    entries: list[FromScheduler] = _read(_of_scheduler, data)
    return entries


def _read(decoder: Any, data: bytes) -> Any:
    if len(data) > MOST_BYTES:
        raise BadMessage(f"a message has {len(data)} bytes; the most is {MOST_BYTES}")
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:  # ValidationError is one
        raise BadMessage(f"no message of version {VERSION}: {error}") from error
