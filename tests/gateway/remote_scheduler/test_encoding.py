"""Messages: how entries are put into them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.remote_scheduler.encoding import (
    BadMessage,
    encode,
    from_front,
    from_scheduler,
    messages_of,
)
from gateway.remote_scheduler.front_messages import Release, RemoveWorker
from gateway.remote_scheduler.states import MOST_BYTES, MOST_BYTES_DOWN, MOST_OPS


def read(messages: list[bytes]) -> list[Any]:
    """The entries of all messages."""
    return [entry for data in messages for entry in from_front(data)]


def test_entries_go_in_messages_of_bounded_number_and_bytes() -> None:
    many = [Release(number, None, None) for number in range(3 * MOST_OPS)]
    large = [RemoveWorker(f"{number}" + "x" * 60_000) for number in range(40)]
    messages = messages_of([*many, *large])
    assert read(messages) == [*many, *large]
    assert max(map(len, messages)) <= MOST_BYTES
    assert max(len(from_front(data)) for data in messages) <= MOST_OPS


def test_an_entry_that_no_message_can_have_is_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    small, large = [RemoveWorker("v"), RemoveWorker("w")], RemoveWorker("x" * MOST_BYTES)
    assert read(messages_of([small[0], large, small[1]])) == small
    assert "RemoveWorker is left out" in caplog.text


def test_a_front_reads_no_message_without_end() -> None:
    with pytest.raises(BadMessage, match=f"the most is {MOST_BYTES_DOWN}"):
        from_scheduler(encode(["x" * MOST_BYTES_DOWN]))
