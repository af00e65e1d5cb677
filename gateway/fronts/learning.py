"""LearningRelay: what one front learns from its answers, the others learn too."""

from __future__ import annotations

import asyncio
import http.client
import logging
import pickle
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.observation import Observation
from gateway.fronts.asking import Asked
from gateway.fronts.handoff import Handoff, front_socket, state_file
from predictor.adaptive import AdaptiveLayer, StateError, load_state, save_state

log = logging.getLogger("lengthwise")

GATHER_S = 0.5
"""Seconds for which observations are gathered before the others get them together."""

MOST = 10_000
"""Observations that are kept for the others; beyond them the oldest are lost."""

AT_ONCE = 8
"""Observations that are learned before other work has its turn: a millisecond or less."""

STATE_S = 10.0
"""Seconds that another front may take to write down what has been learned."""

_LEARNED, _STATE = "/fronts/learned", "/fronts/state"


class LearningRelay:
    """Tells the other fronts what answers have taught this one, and learns what they tell.

    Observations are pickled: they go between processes of one gateway alone, over sockets that
    its owner alone may use. A front that is down misses them, and gets the whole state when it
    starts again.
    """

    def __init__(self, handoff: Handoff, forecaster: Forecaster, learned: LearnedState) -> None:
        self._forecaster, self._adaptive = forecaster, learned.adaptive
        self._folder = Path(handoff.folder)
        others = (index for index in range(handoff.count) if index != handoff.index)
        self._others = [Asked(str(front_socket(self._folder, index))) for index in others]
        self._waiting: deque[Observation] = deque(maxlen=MOST)
        self._sending: asyncio.Task[None] | None = None

    def tell(self, seen: Observation) -> None:
        """Let the others learn from an answer, soon."""
        self._waiting.append(seen)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            batch = list(self._waiting)
            self._waiting.clear()
            data = await asyncio.to_thread(pickle.dumps, batch, pickle.HIGHEST_PROTOCOL)
            await asyncio.gather(*(one.ask("POST", _LEARNED, data) for one in self._others))

    def routes(self) -> list[Route]:
        """What the other fronts ask, for this front's private socket."""
        return [
            Route(_LEARNED, self._learn, methods=["POST"]),
            Route(f"{_STATE}/{{index:int}}", self._save, methods=["POST"]),
        ]

    async def _learn(self, request: Request) -> Response:
        """Take a batch of another front."""
        batch = await asyncio.to_thread(pickle.loads, await request.body())
        for number, seen in enumerate(batch):
            self._forecaster.take(seen)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        return Response(status_code=204)

    async def _save(self, request: Request) -> Response:
        """Write down what has been learned, for a front that starts."""
        path = state_file(self._folder, request.path_params["index"])
        await asyncio.to_thread(save_state, self._adaptive, path)
        return Response(status_code=204)


def learned_by_others(handoff: Handoff) -> AdaptiveLayer | None:
    """What another front has learned; None where none answers."""
    folder = Path(handoff.folder)
    path = state_file(folder, handoff.index)
    for index in range(handoff.count):
        if index == handoff.index or not _saved(front_socket(folder, index), handoff.index):
            continue
        try:
            return load_state(path)
        except StateError as error:
            log.warning("what the other fronts have learned cannot be read: %s", error)
    return None


def _saved(path: Path, index: int) -> bool:
    """Whether a front has written its state for this one."""
    connection = http.client.HTTPConnection("localhost", timeout=STATE_S)
    with suppress(OSError, http.client.HTTPException), socket.socket(socket.AF_UNIX) as one:
        one.settimeout(STATE_S)
        one.connect(str(path))
        connection.sock = one
        connection.request("POST", f"{_STATE}/{index}")
        return connection.getresponse().status == 204
    return False
