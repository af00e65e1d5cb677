"""TimeLimits: how long one request may wait for its worker, until the first token and between two.

The limits are generous: an answer that is cut is lost, and is generated a second time elsewhere.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from gateway.config.settings import Requests
from gateway.protocol.dialects.reader import AnswerReader
from gateway.protocol.errors import ApiError
from gateway.protocol.lax import boolean
from gateway.protocol.openai import ApiRequest
from gateway.scheduling.port import WorkerView
from gateway.workers.exchanges import TICK_S, Exchange, Exchanges
from gateway.workers.failures import ExchangeEnded
from scheduler.job import Job

TIMES = 5.0
"""Times that a wait may exceed what the pace so far lets expect."""

PROMPT_TOKEN_S = 0.004
"""Seconds that a slow engine takes to read one token of a prompt."""

TOKEN_S = 0.1
"""Seconds for one output token at a worker whose pace is not known yet."""

BYTE_S = 2e-5
"""Seconds for one byte of a request that generates nothing, such as a batch of texts or sound."""

LONGEST_PREEMPTION = 10.0
"""Times `requests.token_timeout_s` that a sequence may wait for memory which its engine took."""

END_S = 5.0
"""Seconds that a worker may take to end its HTTP answer after the last event."""


class Overdue(ExchangeEnded):
    """The worker has exceeded a time limit; ``error`` is what the client is told."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class TimeLimits:
    """The limits of one request at one worker. Times are seconds of the loop's clock.

    Time that the client takes to read does not count: ``pause`` and ``resume``.
    """

    bounds: Requests
    request: ApiRequest
    job: Job | None
    """The request as the scheduler sees it; None beside the queue."""
    worker: WorkerView | None
    """The worker as the scheduler sees it."""
    exchanges: Exchanges
    exchange: Exchange = field(init=False)
    _begun: float = field(init=False)
    _between: float = 0.0
    _left: float = math.inf
    """Seconds that the worker had left when the client's turn began."""
    _paused: float = 0.0
    _progress: int = 0
    """How far the answer has come, as ``AnswerReader.progress``."""
    _last: float = 0.0
    """When ``_progress`` last grew."""

    def __post_init__(self) -> None:
        self._begun = asyncio.get_running_loop().time()
        self.exchange = self.exchanges.new()
        self.exchange.deadline = self._begun + self._until_first()
        self.exchange.overdue, self.exchange.lost = self._overdue, self._lost
        self.exchange.patience_s = PROMPT_TOKEN_S * self.job.prompt_tokens if self.job else 0.0
        self.exchange.tick_s = min(TICK_S, self.bounds.token_timeout_s)

    def pause(self) -> None:
        """Note that the client's turn begins."""
        self._paused = asyncio.get_running_loop().time()
        self._left = self.exchange.deadline - self._paused
        self.exchange.deadline = math.inf

    def resume(self, reader: AnswerReader, now: float) -> None:
        """Note that the worker's turn begins, after so many tokens."""
        progress = reader.progress
        if progress > self._progress:
            if not self._progress:
                self._first_came()
            self._progress = progress
            self._left = self._between
            self._last = self.exchanges.progressed = now
        if reader.done:
            self._left = min(self._left, END_S)
        self.exchange.deadline = now + self._left

    def go_on(self, now: float) -> None:
        """Note that the worker's turn begins, after a part of an answer that has no tokens."""
        self.exchange.deadline = now + self.bounds.token_timeout_s

    def came(self) -> None:
        """Note that a whole answer has come."""
        self.exchanges.progressed = asyncio.get_running_loop().time()

    def _first_came(self) -> None:
        self.exchanges.began_after(self._paused - self._begun - self.exchange.patience_s)
        self.exchange.patience_s = 0.0
        self._between = self.bounds.token_timeout_s
        if self.may_hold_text_back:
            self._between += TIMES * self._whole_s()

    def _overdue(self) -> Overdue | None:
        """The error now that the deadline has passed; None if the worker's pace moves it."""
        now = asyncio.get_running_loop().time()
        if self._progress:
            if not self._is_preempted(now):
                return Overdue(self._no_next_token(now))
            self.exchange.deadline = now + self.bounds.token_timeout_s
            return None
        limit = self._until_first()
        self.exchange.deadline = self._begun + limit
        if self.exchange.deadline > now:
            return None
        return Overdue(self._no_first_token(limit))

    def _lost(self, idle_since: float) -> Overdue | None:
        """The error of a request that an engine without any work since then cannot have.

        The server may take a while to read a request, and to hand its answer over.
        """
        now = asyncio.get_running_loop().time()
        waited = now - max(idle_since, self._begun)
        limit = self.bounds.first_token_timeout_s + self.exchange.patience_s
        if self._progress or self.job is None or not self.request.generates or waited < limit:
            return None
        return Overdue(self._no_first_token(now - self._begun))

    def _is_preempted(self, now: float) -> bool:
        """Whether the engine, which goes on with others, may have taken the sequence's memory."""
        limit = self.bounds.token_timeout_s
        lately = self.exchanges.pressed > now - limit
        return lately and now - self._last < LONGEST_PREEMPTION * limit

    def _until_first(self) -> float:
        """Seconds until the first token of a stream, or until a whole answer, at today's pace."""
        floor, request = self.bounds.first_token_timeout_s, self.request
        if self.job is None:
            return floor + BYTE_S * len(request.body)
        if not request.generates:  # a sound may take minutes
            return TIMES * floor + BYTE_S * len(request.body)
        limit = floor + PROMPT_TOKEN_S * self.job.prompt_tokens
        limit += TIMES * (self.exchanges.usual_first_s + self._queue_s())
        together = not request.stream or request.fields.get("use_beam_search")
        if together or self.may_hold_text_back:
            limit += TIMES * self._whole_s()
        return limit

    def _queue_s(self) -> float:
        """Seconds until a worker with more sequences than slots has room."""
        worker = self.worker
        if worker is None or worker.sequences <= worker.spec.slots:
            return 0.0
        return worker.work / worker.spec.slots * self._token_s

    def _whole_s(self) -> float:
        """Seconds for the longest answer that the request allows.

        The forecast's longest will not do: one answer of forty is longer.
        """
        assert self.job is not None
        slots = self.worker.spec.slots if self.worker else self.job.sequences
        turns = math.ceil(self.job.sequences / slots)
        return self.job.most_tokens * turns * self._token_s

    @property
    def _token_s(self) -> float:
        rate = self.worker.pace.rate if self.worker else None
        return 1 / rate if rate else TOKEN_S

    @property
    def may_hold_text_back(self) -> bool:
        """Whether the server may generate a long part before it sends any of it, or none of it.

        It parses calls of tools, and leaves thoughts out where asked to.
        """
        fields = self.request.fields
        silent = bool(fields.get("tools")) or boolean(fields.get("include_reasoning")) is False
        return self.job is not None and silent

    def _no_first_token(self, limit: float) -> ApiError:
        awaited = "token" if self.request.stream else "complete answer"
        return ApiError(
            504,
            f"The worker has sent no {awaited} within {limit:.3g} s "
            f"(requests.first_token_timeout_s = {self.bounds.first_token_timeout_s:g}, and several "
            "times what prompt, longest answer and load let expect). Send the request again, or "
            "raise the setting.",
            code="first_token_timeout",
        )

    def _no_next_token(self, now: float) -> ApiError:
        return ApiError(
            504,
            f"The worker has sent no further token within {now - self._last:.3g} s "
            f"(requests.token_timeout_s = {self.bounds.token_timeout_s:g}). Send the request "
            "again, or raise the setting.",
            code="token_timeout",
        )
