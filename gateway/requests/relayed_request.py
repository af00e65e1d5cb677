"""RelayedRequest: what is known of one request between its client and a worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from multidict import CIMultiDict

from gateway.access.admission import Admission
from gateway.clients.held_answers import ComingAnswer
from gateway.config.settings import Requests
from gateway.protocol.dialects.reader import AnswerReader, Usage
from gateway.protocol.headers import Headers, forwarded
from gateway.protocol.openai import ApiRequest
from gateway.protocol.outline import at_rest
from gateway.protocol.reply import Reply
from gateway.requests.reading import Described
from gateway.requests.stored_responses import StoredResponses
from gateway.requests.told import UNTOLD, Told
from gateway.workers.answer import Carrier
from gateway.workers.fleet import Fleet
from scheduler.job import Job
from scheduler.records import RequestRecord

UNREAD = AnswerReader(sequences=1)
"""What is known of the answers of all requests that no worker has got."""


@dataclass(slots=True)
class RelayedRequest:
    """One request: the client's, and what becomes of it."""

    request: ApiRequest
    method: str
    path: str
    """Path and query, encoded as the client sent them."""
    given: Headers
    """The client's headers."""
    reply: Reply
    record: RequestRecord
    fleet: Fleet
    described: Described | None = None
    """What the forecasts need of a large body; None for a small one."""
    bounds: Requests = field(default_factory=Requests)
    admission: Admission | None = None
    """What is known of the holder of the request's key; None where everybody may come in."""
    carrier: Carrier | None = None
    """Brings the request to its worker instead of the gateway, and but once."""
    among: frozenset[str] = frozenset()
    """The only workers (URLs) that may take the request; none for all of them."""
    told: Told = UNTOLD
    job: Job | None = None
    """The request as the scheduler sees it; None before its forecast, and where it does not."""
    stored: StoredResponses | None = None
    """Learns which worker has the response, for endpoints whose answers are stored."""
    reader: AnswerReader = field(default_factory=lambda: UNREAD)
    """What is known of the answer."""
    coming: ComingAnswer = field(default_factory=ComingAnswer)
    """What a whole answer holds in memory until it is written to the client."""
    falls_back: bool = False  # whether another model may be tried after the present one
    may_move: bool = False
    """Whether another worker may be tried after the present one."""
    agent_hints: bool = False
    """Whether workers get the forecast as ``nvext.agent_hints``."""
    _headers: CIMultiDict[str] | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        """Headers for the worker."""
        if self._headers is None:
            self._headers = forwarded(self.given, self.reply.request_id)
        return self._headers

    def rest(self) -> None:
        """Let go of what can be made again, or is not needed any more, while the request waits."""
        self._headers = None
        if not self.falls_back:  # another model's forecast needs the whole request
            self.request = at_rest(self.request)

    @property
    def usage(self) -> Usage:
        """Tokens and finish reasons, by the worker's report."""
        return self.reader.usage

    @property
    def tokens(self) -> int:
        """Tokens of a stream so far: a lower bound, since an event may hold several tokens."""
        return self.reader.tokens

    @property
    def output_tokens(self) -> int | None:
        """Tokens of all sequences so far, by the worker's count or by events; None: unknown."""
        return self.usage.output_tokens or self.tokens or None
