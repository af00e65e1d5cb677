"""Group: all processes of a gateway, asked and told together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.admin.errors import AdminError
from gateway.fronts.asking import LIMIT_S, Answer, Asked
from gateway.fronts.handoff import front_socket
from gateway.fronts.lasting_counts import LastingCounts
from gateway.fronts.process import Child


def unreached() -> AdminError:
    """The error where no front answers."""
    return AdminError(503, "no_front", "No front answers; look at /ready, and at the log for why.")


class Group:
    """The fronts of a gateway, and what operators have told them.

    Args:
        fronts: the processes, in the order of their numbers.
        others: processes that serve no clients, such as the scheduler.
    """

    def __init__(self, fronts: Sequence[Child], folder: Path, others: Sequence[Child] = ()) -> None:
        self.fronts = fronts
        self.others = others
        self.leaving = False
        self.told: dict[tuple[str, bytes], None] = {}
        """Changes that a front that starts again must hear of, in their order."""
        self.counts = LastingCounts()
        self._behind: set[str] = set()
        """Names of fronts that have not heard all of it."""
        self._asked = [Asked(str(front_socket(folder, n))) for n in range(len(fronts))]

    def states(self) -> dict[str, str]:
        """The state of each process by its name."""
        return {child.name: child.state for child in (*self.fronts, *self.others)}

    def processes(self) -> list[dict[str, Any]]:
        """All processes, for people and for programs that watch them."""
        return [
            {"name": one.name, "state": one.state, "pid": one.pid, "restarts": one.restarts}
            for one in (*self.fronts, *self.others)
        ]

    async def ask(
        self, method: str, path: str, body: bytes = b"", limit_s: float = LIMIT_S
    ) -> dict[str, Answer | None]:
        """What each front answers, by its name; None for one that does not."""
        answers = await asyncio.gather(
            *(one.ask(method, path, body, limit_s=limit_s) for one in self._asked)
        )
        names = (child.name for child in self.fronts)
        return dict(zip(names, answers, strict=True))

    async def pages(
        self, method: str, path: str, body: bytes = b"", limit_s: float = LIMIT_S
    ) -> list[dict[str, Any]]:
        """The JSON of each front that answers.

        Raises:
            AdminError: none answers, or all answer with an error: the first one's.
        """
        return good(await self.ask(method, path, body, limit_s))

    def remember(self, path: str, body: bytes, undoes: str) -> None:
        """Keep a change for fronts that start again; it takes the place of what it ``undoes``."""
        for key in ((undoes, body), (path, body)):
            self.told.pop(key, None)
        self.told[path, body] = None

    def tell_later(self, told: Mapping[str, Answer | None]) -> list[str]:
        """Names of the fronts that gave ``ask`` no answer; they hear it once they answer."""
        silent = [name for name, answer in told.items() if answer is None]
        self._behind.update(silent)
        return silent

    async def keep_told(self, number: int) -> None:
        """Tell a front each change that it has not heard: it has started, or did not answer."""
        child = self.fronts[number]
        while True:
            await child.serving.wait()
            self._behind.add(child.name)
            while child.serving.is_set():
                if child.name in self._behind:
                    await self._tell_again(number)
                await asyncio.sleep(0.1)

    async def _tell_again(self, number: int) -> None:
        name = self.fronts[number].name
        self._behind.discard(name)  # first, so that a change from now on is not forgotten
        for path, body in list(self.told):
            if await self._asked[number].ask("POST", path, body) is None:
                self._behind.add(name)
                return

    async def close(self) -> None:
        """Close the connections to the fronts."""
        await asyncio.gather(*(one.close() for one in self._asked))


def good(told: Mapping[str, Answer | None]) -> list[dict[str, Any]]:
    """The JSON of each front that has answered ``Group.ask``.

    Raises:
        AdminError: none answers, or all answer with an error: the first one's.
    """
    answers = [one for one in told.values() if one]
    pages = [json.loads(one.body) for one in answers if one.status < 400]
    if pages:
        return pages
    if not answers:
        raise unreached()
    raise _error(answers[0])


def _error(answer: Answer) -> AdminError:
    fields: Mapping[str, Any] = json.loads(answer.body).get("error", {})
    return AdminError(answer.status, fields.get("code", "failed"), fields.get("message", ""))
