"""AccessLog: one record for each request when it ends. It holds no text of prompt or answer."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.access.admission import ADMISSION, Admission
from gateway.config.log import LogSettings
from gateway.protocol.asgi import Scope
from gateway.protocol.reply import Reply
from gateway.requests.relay import Relay
from gateway.requests.told import UNTOLD

ACCESS = "lengthwise.access"
"""Name of the logger."""

Clean = Callable[[str], str]
"""Hides what looks like a secret in a text that a client chose."""


@dataclass(slots=True)
class Ended:
    """What is known of a request when it ends. Clients' own words are no part of it."""

    begun: float
    """On the event loop's clock, in seconds."""
    model: str
    """A name that a worker serves."""
    endpoint: str = "other"
    relay: Relay | None = None
    """None for a request that was refused before it was read."""


class AccessLog:
    """Hands records to the logger ``ACCESS``, whose handlers never wait."""

    def __init__(self, settings: LogSettings) -> None:
        self.on = False
        self._json = False
        self._logger = logging.getLogger(ACCESS)
        self._logger.setLevel(logging.INFO)  # whatever log.level says of other entries
        self.apply(settings)

    def apply(self, settings: LogSettings) -> None:
        """Write records in this form from now on, or none."""
        self.on, self._json = settings.access != "off", settings.access == "json"

    def ended(self, scope: Scope, reply: Reply, ended: Ended, outcome: str) -> None:
        """Note a request that has ended with this outcome."""
        line = AccessLine(_fields(scope, reply, ended, outcome), as_json=self._json)
        self._logger.handle(logging.LogRecord(ACCESS, logging.INFO, "", 0, line, (), None))


def _fields(scope: Scope, reply: Reply, ended: Ended, outcome: str) -> dict[str, Any]:
    now = asyncio.get_running_loop().time()
    shift = time.time() - now
    relay, admission = ended.relay, scope.get(ADMISSION)
    told = UNTOLD if relay is None else relay.told
    holder = admission.holder.name if isinstance(admission, Admission) else ""
    fields: dict[str, Any] = {
        "time": now + shift,
        "id": reply.request_id,
        "key": told.key or holder or None,
        "method": scope["method"],
        "endpoint": ended.endpoint,
        "model": ended.model,
        "worker": told.worker or None,
        "status": reply.status or None,
        "outcome": outcome,
        "stream": relay is not None and relay.request.generates_stream,
        "bytes": reply.sent_bytes,
        "prompt_tokens": None,
        "output_tokens": None,
        "forecast": told.forecast,
        "received": ended.begun + shift,
    }
    if relay is not None:
        fields["prompt_tokens"] = relay.usage.prompt_tokens or None
        fields["output_tokens"] = relay.output_tokens
        record = relay.record
        for name in ("forecast_at", "queued", "dispatched", "first_token"):
            moment: float | None = getattr(record, name)
            fields[name] = None if moment is None else moment + shift
    return fields | {"ended": now + shift}


class AccessLine:
    """A record on its way to the log; the writing thread makes the text of it."""

    def __init__(self, fields: Mapping[str, Any], *, as_json: bool) -> None:
        self._fields = fields
        self._as_json = as_json

    def text(self, clean: Clean) -> str:
        """The line, without its end."""
        fields = {**self._fields, **_forecast(self._fields["forecast"])}
        fields["id"] = clean(fields["id"])
        moment = datetime.fromtimestamp(fields["time"], UTC)
        fields["time"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _as_json(fields) if self._as_json else _for_people(fields)


def _forecast(forecast: Any) -> dict[str, Any]:
    """Median, central 80 % interval and source of a forecast, in tokens of one sequence."""
    if forecast is None or forecast.tier == "none":
        return {"forecast": None}
    low, median, high = map(round, forecast.central)
    return {"forecast": {"median": median, "low": low, "high": high, "tier": forecast.tier}}


def _as_json(fields: Mapping[str, Any]) -> str:
    shown = {k: round(v, 6) if isinstance(v, float) else v for k, v in fields.items()}
    return json.dumps(shown)


def _for_people(fields: Mapping[str, Any]) -> str:
    def seconds(name: str, since: str = "received") -> str:
        moment = fields.get(name)
        return "-" if moment is None else f"{max(0.0, moment - fields[since]):.3f}s"

    forecast = fields["forecast"]
    expected = "-" if forecast is None else "{median}[{low}..{high}]".format(**forecast)
    tokens = f"{_word(fields['prompt_tokens'])}+{_word(fields['output_tokens'])}"
    return (
        f"{fields['time']} {_word(fields['status'])} {fields['outcome']} {fields['method']} "
        f"{fields['endpoint']} model={_word(fields['model'])} key={_word(fields['key'])} "
        f"worker={_word(fields['worker'])} tokens={tokens} forecast={expected} "
        f"queue={seconds('dispatched')} first={seconds('first_token')} total={seconds('ended')} "
        f"bytes={fields['bytes']} id={_word(fields['id'])}"
    )


def _word(value: object) -> str:
    """A value as one word: in quotes where it has spaces or what a terminal would act on."""
    if value is None:
        return "-"
    text = str(value)
    plain = text.isascii() and text.isprintable() and not set(text) & {" ", '"', "="}
    return text if text and plain else json.dumps(text)
