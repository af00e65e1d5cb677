"""ModelNames: which models a request means, also one that a worker has loaded a moment ago."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Any

from gateway.access.directory import Holder
from gateway.access.models import shown_models
from gateway.config.models import Models
from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.protocol.openai import ApiRequest
from gateway.requests.model_choice import Choice, choose, place_in_split, reachable
from gateway.requests.rejections import no_healthy_worker
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL
from gateway.workers.newcomers import Newcomers

log = logging.getLogger("lengthwise")

REFRESH_S = 1.0
"""Seconds between two readings of the workers' models for the sake of unknown names, so that a
client with a wrong name does not become a load on the workers."""


class ModelNames:
    """Finds the models of each request among the workers' models, by the section ``models``."""

    def __init__(self, config: Config, fleet: Fleet) -> None:
        self._config = config
        self._told: set[str] = set()
        self._fleet = fleet
        self._newcomers = Newcomers(fleet, config)
        self._next: asyncio.Task[None] | None = None
        self._last = -math.inf

    @property
    def _settings(self) -> Models:
        """The section ``models`` as it is now."""
        return self._config.models

    def entries(self) -> dict[str, dict[str, Any]]:
        """The entries of ``/v1/models`` by name: the served models, then aliases and splits.

        An alias has the entry of its model under its own name, as vLLM lists further names of a
        model. A split has the shortest context of its models.
        """
        served = self._fleet.models()
        entries = dict(served)
        for name in (*self._settings.aliases, *self._settings.splits):
            found = [served[one] for one in reachable(self._settings, name) if one in served]
            if not found:
                continue
            entry = {**(found[0] if name not in served else served[name]), "id": name}
            lengths = [one["max_model_len"] for one in found if one.get("max_model_len")]
            entries[name] = entry | ({"max_model_len": min(lengths)} if lengths else {})
        return entries

    async def entry(self, name: str, holder: Holder | None = None) -> dict[str, Any]:
        """One model's entry, for the holder of a key.

        Raises:
            ApiError: as ``find``.
        """
        if (known := self.entries().get(name)) is not None:
            return known
        await self.find(name, holder)
        return self.entries()[name]

    async def choose(
        self,
        request: ApiRequest,
        headers: Mapping[str, str],
        owner: str = "",
        holder: Holder | None = None,
    ) -> Choice:
        """The models that may answer a request, in the order in which they are tried.

        ``owner`` is the only worker that has what the request goes on from, "" for none. Errors
        name the models that ``holder`` may use.

        Raises:
            ApiError: as ``resolve``.
        """
        settings = self._settings
        named = request.model or (settings.default if request.fields or request.generates else None)
        if not settings.used or named is None:
            return Choice((await self.resolve(request, holder),))
        choice = choose(
            settings,
            request.model,
            lambda: place_in_split(settings.sticky, request, headers),
            lambda model: self._takes(model, owner),
        )
        self._tell_hidden(choice)
        if not any(map(self._fleet.served, choice.models)):
            await self.find(choice.models[0], holder, patiently=True, asked=choice.name)
        return choice

    def _takes(self, model: str, owner: str) -> bool:
        if owner:
            return self._fleet.serves(owner, model)
        names = reachable(self._settings, model) if model in self._settings.aliases else (model,)
        return any(self._fleet.served(name) for name in names)

    def _tell_hidden(self, choice: Choice) -> None:
        """Tell once of an alias that hides a served model."""
        name = choice.name
        if name in self._told or name not in self._settings.aliases:
            return
        self._told.add(name)
        if name in self._fleet.models():
            log.warning(
                "models.aliases: %s is also the name of a served model, which clients cannot reach "
                "by it: requests for it go to %s. Rename the alias, or remove it.",
                name,
                choice.models[0],
            )

    async def resolve(self, request: ApiRequest, holder: Holder | None = None) -> str:
        """The request's model; for a body that names none, the one that is served.

        A request without a JSON body that generates nothing means any model. While a worker has not
        been seen yet, the request waits for it as for a lost one.

        Raises:
            ApiError: no worker serves the model (404), some models are not known yet (503), or the
                body names none of several (400).
        """
        if request.model is not None:
            await self.find(request.model, holder, patiently=True)
            return request.model
        if not (request.fields or request.generates):
            return ANY_MODEL
        await self._newcomers.await_model(ANY_MODEL)
        return self._default(holder)

    async def find(
        self, name: str, holder: Holder | None = None, *, patiently: bool = False, asked: str = ""
    ) -> None:
        """Return if a worker serves the model; ask the workers anew if none is known to.

        ``patiently``: wait for workers that have not been seen yet. ``asked``: the name in
        ``models`` that means this one.

        Raises:
            ApiError: no worker serves the model (404), or some models are not known yet (503).
        """
        if name in self._fleet.models():
            return
        await self.refresh()  # an adapter may have been loaded since the last reading
        if patiently:
            await self._newcomers.await_model(name)
        if name in self._fleet.models():
            return
        if not self._fleet.all_known:
            raise no_healthy_worker(name, self._config, self._fleet.trouble(name))
        raise ApiError(
            404,
            f"The model `{name[:200]}` does not exist{_meant_by(name, asked)}. "
            f"Served: {self._names(holder) or 'none'}.",
            code="model_not_found",
            param="model",
        )

    async def refresh(self) -> None:
        """Read the workers' models. Callers share a reading, which begins after their calls."""
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        await asyncio.shield(self._next)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._last + REFRESH_S - loop.time())  # negative: at once
        self._next, self._last = None, loop.time()
        await self._fleet.read_models()

    def _names(self, holder: Holder | None) -> str:
        """The names that a client may use, as far as an error has room for them."""
        return ", ".join(shown_models(self.entries(), holder))[:500]

    def _default(self, holder: Holder | None) -> str:
        model = self._fleet.default_model()
        if model is not None:
            return model
        if not self._fleet.models():
            raise no_healthy_worker(ANY_MODEL, self._config, self._fleet.trouble(ANY_MODEL))
        raise ApiError(
            400,
            f"model must name a model: several are served here ({self._names(holder)}).",
            code="invalid_model",
            param="model",
        )


def _meant_by(name: str, asked: str) -> str:
    return f" (meant by `{asked[:200]}`)" if asked and asked != name else ""
