"""StoredResponses: which worker has which response of the Responses API, and whose it is.

vLLM keeps responses in the memory of the server that generated them, for whoever knows their ids.
Other servers answer 404.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from gateway.access.directory import Holder
from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.requests.rejections import no_healthy_worker
from gateway.workers.failures import FAILURES
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL, Member

MOST_IDS = 50_000
"""Responses whose worker is remembered, some 20 MB; the least recently used is forgotten first."""

LONGEST_ID = 200
"""Characters of a response's id that are remembered. vLLM's own ids have 37."""

RESPONSES = "/v1/responses/"


def response_id(path: str) -> str:
    """The id in a path and query such as ``/v1/responses/ID/cancel?x``, decoded."""
    return unquote(path.partition("?")[0].partition("responses")[2].strip("/").partition("/")[0])


def named_in(fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The ids of responses in a body: the one that it goes on from, and the one that it makes."""
    found = (fields.get(name) for name in ("previous_response_id", "request_id"))
    continued, made = ([name] if isinstance(name, str) and name else [] for name in found)
    return continued, made


class Known(NamedTuple):
    """What is remembered of a response."""

    worker: str
    holder: str
    """Name of the holder of the key that made it; "" where no keys were needed."""


class StoredResponses:
    """Remembers the worker of each response, and asks the workers for responses it does not know.

    A restart of the gateway forgets all workers, and another gateway knows others. With keys, only
    who has made a response may use it, so nobody may use one that is not known here.
    """

    def __init__(self, config: Config, fleet: Fleet) -> None:
        self._config = config
        self._fleet = fleet
        self._known: OrderedDict[str, Known] = OrderedDict()

    def check(self, names: Iterable[str], holder: Holder, *, made: bool = True) -> None:
        """Check that responses are those of a holder.

        ``made``: they have been made; else one that nobody has made yet will do.

        Raises:
            ApiError: 404, as for one that does not exist.
        """
        for name in names:
            known = self._known.get(name)
            if (known is None and made) or (known is not None and known.holder != holder.name):
                raise ApiError(
                    404,
                    f"This key has no response with the id {name[:LONGEST_ID]!r}: another key has "
                    "made it, it does not exist, or the gateway has been restarted since. Send the "
                    "conversation itself as input.",
                    code="not_found",
                )

    def learn(self, worker_id: str, answer: bytes, holder: str = "") -> bool:
        """Take the id of a response from a whole answer, or from the first event of a stream.

        ``holder`` is who has made it. Returns whether there was an id.
        """
        try:
            fields, _ = json.JSONDecoder().raw_decode(answer[answer.index(b"{") :].decode())
        except (ValueError, RecursionError):
            return False
        fields = fields.get("response", fields)
        name = fields.get("id") if isinstance(fields, dict) else None
        if not isinstance(name, str) or not _may_exist(name):
            return False
        self._remember(name, worker_id, holder)
        return True

    async def owner(self, name: str, headers: Mapping[str, str]) -> str | None:
        """The worker that has a response; None if there is but one, or none has the response.

        Args:
            name: the response's id.
            headers: the client's headers, with the key by which workers let the client read.

        Raises:
            ApiError: 503, no worker is known to have the response and one has not answered.
        """
        members = {member.id: member for member in self._fleet.members}
        known = self._known.get(name)
        if known is not None and known.worker in members:
            self._known.move_to_end(name)
            return known.worker
        healthy = [member for member in members.values() if member.healthy]
        if len(healthy) < 2 or not _may_exist(name):
            return None
        found = await asyncio.gather(*(self._has(member, name, headers) for member in healthy))
        owner = next((m.id for m, has in zip(healthy, found, strict=True) if has), None)
        if owner is not None:
            self._remember(name, owner, "" if known is None else known.holder)
        elif None in found:
            raise no_healthy_worker(ANY_MODEL, self._config)
        return owner

    async def _has(self, member: Member, name: str, headers: Mapping[str, str]) -> bool | None:
        """Whether a worker has a response; None: the worker does not answer."""
        asked = member.backend.request("GET", RESPONSES + quote(name, safe=""), headers, b"")
        try:
            async with asyncio.timeout(self._config.health.timeout_s), asked as response:
                return response.status == 200
        except FAILURES:
            return None

    def _remember(self, name: str, worker_id: str, holder: str) -> None:
        self._known[name] = Known(worker_id, holder)
        self._known.move_to_end(name)
        if len(self._known) > MOST_IDS:
            self._known.popitem(last=False)


def _may_exist(name: str) -> bool:
    """Whether a worker may have a response of this id, and can be asked for it by its path."""
    if not 0 < len(name) <= LONGEST_ID or name in {".", ".."}:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in name)
