"""Meter: what one request has used, counted once, before its last byte goes to the client.

So whatever a client has got of its answer's end is counted, also when the process is killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from gateway.access.access import Access
from gateway.access.admission import ADMISSION, Admission
from gateway.access.ledger import Spent
from gateway.config.usage import UsageSettings
from gateway.forecasting.learned_state import LearnedState
from gateway.metrics import Metrics
from gateway.protocol.headers import forwarded
from gateway.protocol.reply import Reply
from gateway.requests.access_log import Ended
from gateway.requests.relay import Relay
from gateway.scheduling.tenants import Tenancy
from gateway.usage.counts import NO_KEY, PSEUDONYM, Counts
from gateway.usage.ledger import UsageLedger
from gateway.usage.live import UsageMetrics
from gateway.workers.fleet import Fleet

log = logging.getLogger("lengthwise")


def counting(settings: UsageSettings, access: Access, metrics: Metrics) -> UsageLedger | None:
    """The ledger, if there is one. Budgets then go by what was spent before the start, too.

    Raises:
        UsageFileError: the file cannot be used.
    """
    if settings.file is None:
        return None
    ledger = UsageLedger(settings)
    metrics.registry.register(UsageMetrics(ledger))
    day = ledger.today.isoformat()
    for name, (today, this_month) in ledger.spent.items():
        access.ledger.load(name, Spent(day, today, day[:7], this_month))
    return ledger


def salt_of(learned: LearnedState, ledger: UsageLedger | None) -> bytes:
    """Secret bytes for pseudonyms of keys, which outlive a restart where there is a file."""
    kept = ledger.salt if ledger is not None and learned.folder is None else None
    return kept or learned.adaptive.salt


@dataclass(frozen=True, slots=True)
class Meters:
    """Counts requests in a ledger."""

    ledger: UsageLedger
    tenancy: Tenancy
    fleet: Fleet
    access: Access

    def open(self, scope: MutableMapping[str, Any], reply: Reply, ended: Ended) -> Meter:
        """The meter of a request, which counts it when its ``reply`` ends."""
        meter = Meter(self, scope, reply, ended)
        reply.at_end = meter.end
        return meter

    def _key(self, scope: MutableMapping[str, Any], ended: Ended) -> str:
        """Name of whose request it is. A key that opens nothing is none."""
        admission: Admission | None = scope.get(ADMISSION)
        if admission is not None:
            return admission.holder.name
        if self.access.on:
            return NO_KEY
        relay = ended.relay
        headers = forwarded(scope["headers"], "") if relay is None else relay.headers
        owner = self.tenancy.identify(headers)
        if owner.claim.name:
            return owner.claim.name
        return PSEUDONYM + owner.pseudonym if owner.pseudonym else NO_KEY

    def count(self, scope: MutableMapping[str, Any], ended: Ended, *, failed: bool) -> None:
        """Count a request that ends now."""
        counts = Counts(1, int(failed))
        if ended.relay is not None:
            _add_times(counts, ended.relay)
            self._add_tokens(counts, ended.relay)
        self.ledger.add(self._key(scope, ended), ended.model, counts)

    def _add_tokens(self, counts: Counts, relay: Relay) -> None:
        """Add the worker's counts within what the request allows; before they come, estimates."""
        usage, job = relay.usage, relay.job
        prompt, output = usage.prompt_tokens, relay.output_tokens or 0
        if job is not None:
            prompt = prompt or (job.prompt_tokens if output else 0)
            prompt = int(min(prompt, self.fleet.max_model_len(job.model) * job.prompts))
            output = min(output, job.sequences * job.most_tokens)
        counts.prompt_tokens, counts.output_tokens = prompt, output


def _add_times(counts: Counts, relay: Relay) -> None:
    """Add the seconds until the last dispatch, and from there on.

    A request past the queue has been at a worker all the time, if one was found.
    """
    record, now = relay.record, asyncio.get_running_loop().time()
    past_queue = relay.job is None and relay.told.worker
    sent = record.arrival if past_queue else record.dispatched
    counts.queue_s = (now if sent is None else sent) - record.arrival
    counts.worker_s = 0.0 if sent is None else now - sent


@dataclass(slots=True)
class Meter:
    """One request."""

    _meters: Meters
    _scope: MutableMapping[str, Any]
    _reply: Reply
    _ended: Ended
    _open: bool = True

    def end(self, *, ok: bool | None = None) -> None:
        """Count the request, once. ``ok``: whether it has been answered; None: as its reply is."""
        if not self._open:
            return
        self._open, self._reply.at_end = False, None
        relay = self._ended.relay
        if ok is None:
            error = None if relay is None else relay.reader.error_status
            ok = not self._reply.failed and error is None
        try:
            self._meters.count(self._scope, self._ended, failed=not ok)
        except Exception:  # a bug: the client gets its answer, and the log gets the trace
            log.exception("usage of request %s", self._reply.request_id)
