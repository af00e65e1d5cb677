"""Messages as bytes, which are checked as they are read."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from gateway.remote_scheduler.front_messages import FromFront
from gateway.remote_scheduler.scheduler_messages import FromScheduler
from gateway.remote_scheduler.states import MOST_BYTES, MOST_BYTES_DOWN, MOST_OPS, VERSION

log = logging.getLogger("lengthwise")

_encoder = msgspec.msgpack.Encoder()
_of_front = msgspec.msgpack.Decoder(list[FromFront])
_of_scheduler = msgspec.msgpack.Decoder(list[FromScheduler])


class BadMessage(ValueError):
    """A message that says what it must not."""


def encode(entries: list[Any]) -> bytes:
    """A message of these entries."""
    return _encoder.encode(entries)


def messages_of(entries: list[Any], most: int = MOST_BYTES) -> list[bytes]:
    """The entries in messages of at most ``most`` bytes.

    An entry that alone is larger is left out, and told in the log: the other side would end the
    stream because of it, and again after each new attempt.
    """
    messages: list[bytes] = []
    for begin in range(0, len(entries), MOST_OPS):
        messages += _split(entries[begin : begin + MOST_OPS], most)
    return messages


def _split(entries: list[Any], most: int) -> list[bytes]:
    data = encode(entries)
    if len(data) <= most:
        return [data]
    if len(entries) == 1:
        what = type(entries[0]).__name__
        log.error("%s is left out: it has %d bytes, the most is %d", what, len(data), most)
        return []
    half = len(entries) // 2
    return _split(entries[:half], most) + _split(entries[half:], most)


def from_front(data: bytes) -> list[FromFront]:
    """The entries of a front's message, whose size has been looked at (``reading.py``).

    Raises:
        BadMessage: it is no message.
    """
    entries: list[FromFront] = _read(_of_front, data)
    return entries


def from_scheduler(data: bytes) -> list[FromScheduler]:
    """The entries of the scheduler's message.

    Raises:
        BadMessage: it is no message, or too large.
    """
    if len(data) > MOST_BYTES_DOWN:
        raise BadMessage(f"a message has {len(data)} bytes; the most is {MOST_BYTES_DOWN}")
    entries: list[FromScheduler] = _read(_of_scheduler, data)
    return entries


def _read(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:  # ValidationError is one
        raise BadMessage(f"no message of version {VERSION}: {error}") from error
