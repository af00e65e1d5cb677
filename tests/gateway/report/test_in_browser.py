"""The page of a log that a running gateway wrote, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.report.facts import Asked, Facts, facts_of
from gateway.report.page.document import document
from gateway.report.period import Period
from predictor import LengthPredictor
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.admin.dashboard.browser import DESKTOP, PHONE, browser, page
from tests.gateway.harness import chat, forced, gateway, post, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

REQUESTS = 120
SLOTS = 3
SECRET = "Zanzibar"
"""A word of the prompts, which must not come out."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests: it takes seconds to start."""
    async with browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of requests that waited for three slots, some streamed, some with tools."""
    folder = tmp_path_factory.mktemp("learned")
    engine = EngineConfig(max_num_seqs=SLOTS)
    with EmbeddedEmulator(EmulatorConfig(engine=engine)) as worker:
        async with (
            gateway(
                worker.url,
                model=LengthPredictor.load(),
                learning={"folder": folder, "keep_text": True},
                predictor={"budget_ms": 5000},
                worker={"max_num_seqs": SLOTS},
            ) as running,
            aiohttp.ClientSession() as session,
        ):
            await asyncio.gather(*(post(session, running.url, _body(at)) for at in range(REQUESTS)))
            await until(
                lambda: running.metric("log_records_total", result="written") == REQUESTS,
                "all records are written",
            )
    return folder / "served"


def _body(at: int) -> dict[str, Any]:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": f"{SECRET} number {at}"}]}
    tokens = forced(5 + 20 * (at % 5))
    if at % 10 == 0:
        return chat(**said, vllm_xargs=tokens, response_format={"type": "json_object"})
    return chat(**said, vllm_xargs=tokens, max_tokens=40 if at % 7 == 0 else 400)


@pytest.fixture(scope="module")
def facts(log: Path) -> Facts:
    config = Config.model_validate({"workers": [{"url": "http://elsewhere:1"}]})
    return facts_of(Asked(log, Period(), config))


@pytest.fixture(scope="module")
def url(facts: Facts, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(document(facts), encoding="utf-8")
    return path.as_uri()


async def test_the_log_of_a_gateway_is_told_as_it_was(facts: Facts) -> None:
    traffic = facts["traffic"]
    assert traffic["requests"] == traffic["whole"] == REQUESTS
    kinds = {row["name"]: row for row in traffic["kinds"]}
    assert kinds["JSON demanded"]["requests"] == REQUESTS // 10
    assert kinds["streamed"] | {"unknown": 0} == kinds["streamed"]
    cut = [at for at in range(REQUESTS) if at % 10 and at % 7 == 0 and 5 + 20 * (at % 5) > 40]
    ends = {row["name"]: row["requests"] for row in traffic["outcomes"]}
    assert ends["length"] == len(cut)
    queue = facts["latency"]["classes"][0]["queue"]
    assert queue["requests"] == REQUESTS
    assert queue["mean"] > 0.1
    assert facts["saved"]["workers"][0]["slots"] == SLOTS
    assert SECRET not in document(facts)


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_and_the_page_fits(
    size: Any, look: Any, url: str, chromium: Browser
) -> None:
    async with page(chromium, url, size=size, color_scheme=look) as (shown, complaints):
        await expect(shown.locator("h2")).to_have_count(5)
        await expect(shown.locator("#traffic .conclusion")).to_contain_text(f"{REQUESTS} requests")
        for summary in await shown.locator("summary").all():
            await summary.click()
        assert await shown.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = await Axe().run(shown)
        assert [one["id"] for one in found.response["violations"]] == []
        assert complaints == []


async def test_the_page_prints_on_white_also_at_night(url: str, chromium: Browser) -> None:
    async with page(chromium, url, color_scheme="dark") as (shown, _):
        back = "getComputedStyle(document.body).backgroundColor"
        assert await shown.evaluate(back) != "rgb(255, 255, 255)"
        await shown.emulate_media(media="print", color_scheme="dark")
        assert await shown.evaluate(back) == "rgb(255, 255, 255)"
