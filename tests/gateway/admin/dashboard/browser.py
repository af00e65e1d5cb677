"""A real browser: headless Chromium, as found on this machine."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.conftest import missing

REMEDY = "apt-get install chromium"
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
"""As root, in containers, and without a screen."""

expect.set_options(timeout=30_000)  # ms; a busy machine is slow, and no fault of the page

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium for the length of the block; a test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("chromium", REMEDY)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def page(
    running: Browser, url: str, *, size: ViewportSize = DESKTOP, **look: Any
) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page at a URL, and a list that fills with whatever it complains of or asks elsewhere."""
    context = await running.new_context(viewport=size, **look)
    opened, complaints = await context.new_page(), list[str]()
    opened.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    origin = "/".join(url.split("/")[:3])

    def asked(request: Any) -> None:
        if not request.url.startswith(origin):
            complaints.append(f"asks {request.url}")

    opened.on("request", asked)
    try:
        await opened.goto(url)
        yield opened, complaints
    finally:
        await context.close()
