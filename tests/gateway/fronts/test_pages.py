"""What the parent asks of the fronts, and tells one again that has not heard it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.admin.listener import admin_listening, admin_sockets
from gateway.cli import main
from gateway.config.admin import Admin
from gateway.fronts.asking import Answer, Asked
from gateway.fronts.group import Group
from gateway.fronts.handoff import front_socket
from gateway.fronts.pages import whole_app
from gateway.fronts.process import Child
from tests.gateway.harness import until


class Front:
    """A process that answers each question alike, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: Request) -> Response:
        """Note the question as it came."""
        self.asked.append(request.scope["raw_path"].decode() + "?" + request.url.query)
        told = {"error": {"code": "no", "message": "no"}, "in_flight": 0, "worker": "http://w:1"}
        told |= {"kept_over_restarts": False, "models_without_worker": [], "draining": False}
        return JSONResponse({**told, "paused": True, "waiting": 0})

    async def refuse(self, request: Request) -> Response:
        """Note the question, and refuse it."""
        await self.answer(request)
        return JSONResponse({"error": {"code": "wrong", "message": "no"}}, 422)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/admin/queue", self.refuse),
                Route("/admin/requests/{id:path}", self.refuse),
                Route("/{path:path}", self.answer, methods=["GET", "POST"]),
            ]
        )


@contextlib.asynccontextmanager
async def served(path: Path, app: Starlette) -> AsyncIterator[None]:
    settings = Admin(listen=str(path))
    async with admin_listening(app, settings, admin_sockets(settings)):
        yield


@contextlib.asynccontextmanager
async def parent(folder: Path) -> AsyncIterator[tuple[Group, Asked]]:
    """The pages of two fronts, which the test serves, and their group."""
    group = Group([Child(f"front {n}", lambda _: ["true"]) for n in (1, 2)], folder)
    path = folder / "whole.sock"
    asked = Asked(str(path))
    async with served(path, whole_app(group, Admin(listen=str(path)))):
        try:
            yield group, asked
        finally:
            await asked.close()
            await group.close()


def body(answer: Answer | None) -> tuple[int, str]:
    assert answer is not None
    return answer.status, answer.body.decode()


async def test_what_a_client_asks_becomes_no_other_question(tmp_path: Path) -> None:
    front = Front()
    async with served(front_socket(tmp_path, 0), front.app()), parent(tmp_path) as (_, asked):
        assert body(await asked.ask("GET", "/admin/queue?limit=5%26x=1"))[0] == 422
        assert body(await asked.ask("GET", "/admin/requests/..%2F..%2Fready"))[0] == 422
    assert front.asked[0] == "/admin/queue?limit=5%26x%3D1"
    assert front.asked[1].startswith("/admin/requests/..%2F")


async def test_a_front_that_did_not_hear_is_named_and_told_once_it_answers(tmp_path: Path) -> None:
    one, other = Front(), Front()
    async with served(front_socket(tmp_path, 0), one.app()), parent(tmp_path) as (group, asked):
        group.fronts[1].serving.set()  # it serves, but does not answer now
        telling = asyncio.create_task(group.keep_told(1))
        await asyncio.sleep(0)
        status, text = body(await asked.ask("POST", "/admin/undrain", b'{"worker": "x"}'))
        assert status == 200
        assert '"not_heard":["front 2"]' in text
        async with served(front_socket(tmp_path, 1), other.app()):
            await until(lambda: other.asked == ["/admin/undrain?"], "it has heard")
            await asyncio.sleep(0)
            _, text = body(await asked.ask("POST", "/admin/undrain", b'{"worker": "x"}'))
            assert '"not_heard":[]' in text
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


@pytest.mark.parametrize("words", [("drain", "http://w:1"), ("undrain", "http://w:1"), ("pause",)])
async def test_a_command_names_the_front_that_did_not_hear(
    tmp_path: Path, words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(front_socket(tmp_path, 0), Front().app()), parent(tmp_path):
        command = [*words, "--admin", str(tmp_path / "whole.sock")]
        assert await asyncio.to_thread(main, command) == 0
    assert "front 2 has not answered: this holds there once it does" in capsys.readouterr().out
