"""Whole: pages of all fronts together, for a client that has come to one of them."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from gateway.fronts.asking import Asked


class Whole:
    """Asks the parent, which asks all fronts. ``path`` is the parent's private socket."""

    def __init__(self, path: str) -> None:
        self._parent = Asked(path)

    async def ready(self, *, whole: bool) -> Response:
        """``GET /ready`` of the gateway; the word alone unless ``whole``."""
        return await self._page("/ready" if whole else "/ready?short")

    async def metrics(self) -> Response:
        """``GET /metrics`` of the gateway."""
        return await self._page("/metrics")

    async def _page(self, path: str) -> Response:
        answer = await self._parent.ask("GET", path, limit_s=5.0)
        if answer is None:
            return JSONResponse({"status": "parent_unreachable"}, 503)
        return Response(answer.body, answer.status, {"content-type": answer.content_type})
