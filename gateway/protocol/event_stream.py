"""EventStream: a worker's stream of events on its way to the client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.protocol.dialects.reader import AnswerReader, parsed
from gateway.protocol.sse import Event, SseParser

_ONE_OBJECT = re.compile(rb"\s*data:[^\r\n]+}").fullmatch
"""Matches an event with one line, which holds an object."""


@dataclass(slots=True)
class EventStream:
    """Reads each event, and passes its bytes on as they came."""

    reader: AnswerReader
    hide_usage: bool = False
    """Whether to leave out events that hold nothing but usage: the gateway alone asked for them."""
    events: int = 0
    """Events so far that hold data, or are too long to be read; the others are comments."""
    _last: bytes = b""
    """The event that ended the answer, while usage that the client does not see may follow."""
    _parser: SseParser = field(default_factory=SseParser)
    _hidden_cr: bool = False
    """Whether the last event was left out and ended with CR: an LF may still belong to it."""

    @property
    def inside(self) -> bool:
        """Whether a part of an event has been passed on, and its end has not."""
        return self._parser.inside

    def feed(self, data: bytes) -> bytes:
        """What to pass on now that ``data`` has come."""
        return self._shown(self._parser.feed(data))

    def end(self) -> bytes:
        """What to pass on at the end of the stream."""
        rest = self._parser.rest()
        return self._shown([rest] if rest else []) + self._released()

    def _shown(self, events: Iterable[Event]) -> bytes:
        shown = []
        for event in events:
            raw = event.raw
            if self._hidden_cr:
                raw = raw.removeprefix(b"\n")
            going_on = not self.reader.ended
            hidden = self.reader.read(event) and self.hide_usage
            self._hidden_cr = hidden and raw.endswith(b"\r")
            self.events += event.data is not None or bool(event.name) or self._parser.inside
            if hidden:
                line_end = b"\n" if raw.startswith(b"\n") else b""  # of the event before
                shown.append(_stamped(self._released() + line_end, event))
            elif going_on and self._awaits_usage:
                self._last = raw
            else:
                shown += [self._released(), raw]
        return b"".join(shown)

    @property
    def _awaits_usage(self) -> bool:
        """Whether all that is missing of the answer is usage that the client does not see."""
        reader = self.reader
        return self.hide_usage and reader.ended and not reader.done and reader.error_status is None

    def _released(self) -> bytes:
        last, self._last = self._last, b""
        return last


def _stamped(last: bytes, usage: Event) -> bytes:
    """The last event with the name of the configuration, as if there were no usage after it.

    vLLM writes ``system_fingerprint`` as the last field of the events that end a choice. Into a
    stream with usage it writes the field in the event with the usage alone. Of several choices,
    only the one that ends last gets the field here: the others have gone out by then.
    """
    chunk = parsed(usage.data or b"")
    name = chunk.get("system_fingerprint") if chunk else None
    text = last.rstrip(b"\r\n")
    if not isinstance(name, str) or not _ONE_OBJECT(text) or b'"system_fingerprint"' in text:
        return last
    field = b',"system_fingerprint":' + json.dumps(name, ensure_ascii=False).encode()
    return text[:-1] + field + b"}" + last[len(text) :]
