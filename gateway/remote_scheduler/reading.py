"""Reads messages of a stream whose other end may be anybody."""

from __future__ import annotations

import struct
from typing import Any

from gateway.remote_scheduler.encoding import BadMessage

_HEAD = struct.Struct(">?I")


async def read_message(stream: Any, most: int) -> bytes | None:
    """The next message of a front's stream; None at its end.

    grpclib's own reading collects a message of whatever size, before anything here sees it.

    Raises:
        BadMessage: the message announces more than ``most`` bytes, or is compressed.
        AssertionError: the stream ends in the middle of the message.
    """
    frames = stream._stream
    head = await frames.recv_data(_HEAD.size)
    if not head:
        return None
    compressed, size = _HEAD.unpack(head)
    if compressed:
        raise BadMessage("a message is compressed; send it as it is")
    if size > most:
        raise BadMessage(f"a message has {size} bytes; the most is {most}")
    data: bytes = await frames.recv_data(size)
    assert len(data) == size, "the stream has ended in a message"
    return data
