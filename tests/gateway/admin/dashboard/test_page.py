"""The live page in a real browser: what it shows, to whom, and what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette

from gateway.admin.dashboard.pages import dashboard_routes
from gateway.admin.dashboard.viewers import Source, Viewers
from gateway.emulator import EmbeddedEmulator
from tests.gateway.admin.dashboard.browser import DESKTOP, PHONE, browser, page
from tests.gateway.admin.operators import Operated, operated
from tests.gateway.harness import chat, forced, listening, post, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<img src=x onerror='window.hacked=1'>"
TOKEN = "a-token-of-operators"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests: it takes seconds to start."""
    async with browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(emulator: EmbeddedEmulator) -> AsyncIterator[Operated]:
    """A gateway that has answered three requests, refused one, and keeps twelve waiting."""
    admin = {"listen": "127.0.0.1:1"}
    async with (
        operated(emulator.url, admin=admin) as running,
        aiohttp.ClientSession() as session,
    ):
        url = running.gateway.url
        for tokens in (5, 100, 300):
            await post(session, url, chat(vllm_xargs=forced(tokens)))
        await post(session, url, chat(HOSTILE))
        running.gateway.app.state.dispatcher.pause(True)
        tasks = [asyncio.create_task(post(session, url, chat())) for _ in range(12)]
        await until(lambda: running.gateway.scheduler.waiting == 12, "requests wait")
        yield running
        running.gateway.app.state.dispatcher.pause(False)
        await asyncio.gather(*tasks)


async def _serious(shown: Page) -> list[str]:
    """What axe finds that keeps people out."""
    found = await Axe().run(shown)
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


async def test_the_page_shows_what_happens(busy: Operated, chromium: Browser) -> None:
    async with page(chromium, busy.url + "/dashboard") as (shown, complaints):
        await expect(shown.locator("#link")).to_have_text("live")
        await expect(shown.locator("#health")).to_have_attribute("data-level", "warning")
        await expect(shown.locator("#health-line")).to_contain_text("The queue is paused")
        await expect(shown.locator("#tiles dd").first).to_contain_text("12")
        await expect(shown.locator(".worker")).to_have_count(1)
        await expect(shown.locator("#latency tbody tr").nth(2)).to_contain_text("257–1,024")
        await expect(shown.locator("#latency tbody tr").nth(2)).to_contain_text("s")
        await expect(shown.locator("#forecasts .note")).to_contain_text("of the last 3 lengths")
        assert complaints == []


async def test_words_of_strangers_stay_words(busy: Operated, chromium: Browser) -> None:
    async with page(chromium, busy.url + "/dashboard") as (shown, complaints):
        await expect(shown.locator("#errors .outcome")).to_have_text("model_not_found")
        await expect(shown.locator("#errors")).to_contain_text(HOSTILE)
        assert await shown.locator("#errors img").count() == 0
        assert await shown.evaluate("window.hacked") is None
        assert complaints == []


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_axe_finds_nothing_serious_and_the_width_is_enough(
    look: Any, size: Any, busy: Operated, chromium: Browser
) -> None:
    url = busy.gateway.url + "/dashboard"
    async with page(chromium, url, size=size, color_scheme=look) as (shown, complaints):
        await expect(shown.locator("#errors .outcome")).to_have_text("model_not_found")
        for summary in await shown.locator("summary").all():
            await summary.click()
        await expect(shown.locator("#forecasts tbody tr")).to_have_count(3)
        await expect(shown.locator("#queue tbody tr")).to_have_count(5)
        assert await _serious(shown) == []
        assert await shown.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert complaints == []


async def test_what_the_order_saves_is_shown_where_the_shadow_tells_it(
    busy: Operated, chromium: Browser
) -> None:
    real = busy.gateway.app.state.viewers.source
    app = Starlette(routes=dashboard_routes(Viewers(_WithShadow(real))))
    async with (
        listening(app) as url,
        page(chromium, url + "/dashboard") as (shown, complaints),
    ):
        await expect(shown.locator("#saved .note")).to_contain_text("takes 3.1 s less (34 %)")
        await expect(shown.locator("#saved tbody tr").nth(0)).to_contain_text("2.4 s to 3.9 s")
        await expect(shown.locator("#saved .worse")).to_contain_text("1.0 s more")
        assert await _serious(shown) == []
        assert complaints == []
    async with page(chromium, busy.url + "/dashboard") as (shown, _):
        await expect(shown.locator("#panels")).to_be_visible()
        await expect(shown.locator("#saved table")).to_be_hidden()


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ({"mean_e2e": -0.22, "p99_e2e": 0.3}, "its p99 of the whole time is off by +30 %."),
        ({}, "steps 1.42 times as long as measured (cost_factor)"),
    ],
)
async def test_what_of_the_shadow_is_off_is_told(
    off: dict[str, float], words: str, busy: Operated, chromium: Browser
) -> None:
    real = busy.gateway.app.state.viewers.source
    changed = {"state": "model_off", "off": off, "cost_factor": 1.42, "against": {}}
    app = Starlette(routes=dashboard_routes(Viewers(_WithShadow(real, changed))))
    async with (
        listening(app) as url,
        page(chromium, url + "/dashboard") as (shown, complaints),
    ):
        await expect(shown.locator("#saved .note")).to_contain_text(words)
        await expect(shown.locator("#saved table")).to_be_hidden()
        assert complaints == []


class _WithShadow:
    """A real gateway's snapshots, with figures of its shadow, which begins after many answers."""

    def __init__(self, real: Source, changed: dict[str, Any] | None = None) -> None:
        self._real, self._changed = real, changed or {}

    def begin(self) -> dict[str, Any]:
        return self._real.begin()

    def take(self) -> dict[str, Any]:
        mean = {"seconds": 3.1, "low": 2.4, "high": 3.9, "share": 0.34}
        tail = {"seconds": -1.0, "low": -1.5, "high": -0.2, "share": -0.03}
        saved = {"fcfs": {"all": {"mean_e2e": mean, "p99_e2e": tail}}, "stock": {}}
        shown = {"state": "ok", "requests": 1240, "window_s": 600.0, "error": 0.02}
        return self._real.take() | {"saved": {**shown, "against": saved, **self._changed}}


async def test_the_keyboard_alone_pauses_the_page_and_finds_a_setting(
    busy: Operated, chromium: Browser
) -> None:
    async with page(chromium, busy.url + "/dashboard") as (shown, _):
        await expect(shown.locator("#panels")).to_be_visible()
        await shown.keyboard.press("Tab")
        await expect(shown.locator(".skip")).to_be_focused()
        await shown.keyboard.press("Tab")
        await shown.keyboard.press("Enter")
        await expect(shown.locator("#pause")).to_have_attribute("aria-pressed", "true")
        await shown.locator("#find-setting").focus()
        await shown.keyboard.type("max_waiting_tok")
        await expect(shown.locator("#configuration tbody tr")).to_have_count(1)


async def test_the_page_asks_for_the_token_and_keeps_it_for_its_tab(
    emulator: EmbeddedEmulator, chromium: Browser
) -> None:
    admin = {"listen": "0.0.0.0:1", "token": TOKEN}
    async with (
        operated(emulator.url, admin=admin) as running,
        page(chromium, running.url + "/dashboard") as (shown, _),
    ):
        field = shown.get_by_label("Token", exact=True)
        await field.fill("a-token-of-strangers")
        await field.press("Enter")
        await expect(shown.get_by_role("alert")).to_have_text("The token is not right.")
        await expect(shown.locator("#panels")).to_be_hidden()
        assert await _serious(shown) == []
        await field.fill(TOKEN)
        await field.press("Enter")
        await expect(shown.locator("#panels")).to_be_visible()
        assert TOKEN not in await shown.content()
        await shown.reload()
        await expect(shown.locator("#panels")).to_be_visible()
