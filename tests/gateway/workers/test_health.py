"""How often a worker is asked how it is: its health often, its load seldom, for that costs it."""

from collections import Counter
from typing import Any

from gateway.emulator import EmulatorConfig, create_emulator
from tests.gateway.harness import gateway, listening, until


class Counting:
    """An emulated worker that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._emulator = create_emulator(EmulatorConfig())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked[scope.get("path", "")] += 1
        await self._emulator(scope, receive, send)


async def test_health_is_asked_often_and_the_load_seldom() -> None:
    worker = Counting()
    settings = {"interval_s": 0.05, "scrape_s": 60}
    async with listening(worker) as url, gateway(url, health=settings):
        await until(lambda: worker.asked["/health"] >= 5, "it was asked five times")
        assert worker.asked["/metrics"] == worker.asked["/v1/models"] == 1


async def test_the_load_is_read_again_when_its_time_has_come() -> None:
    worker = Counting()
    settings = {"interval_s": 0.05, "scrape_s": 0.2}
    async with listening(worker) as url, gateway(url, health=settings):
        await until(lambda: worker.asked["/metrics"] >= 3, "it was read three times")
        assert worker.asked["/health"] > worker.asked["/metrics"]
