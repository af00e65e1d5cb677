"""Pictures of the live page and of the report: python -m tests.deploy.screenshots.

Starts a gateway over four emulated workers, which answer in the lengths that the predictor which
ships expects, sends everyday requests for a few minutes, and writes

    deploy/pictures/live_page.png         a desktop
    deploy/pictures/live_page_dark.png    the same at night
    deploy/pictures/live_page_phone.png   a phone
    deploy/pictures/report.png            the report of these minutes
    deploy/pictures/report_dark.png       what the policy saved by it, at night

Needs chromium. The figures on the pictures are of the machine that makes them: emulated ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from PIL import Image
from playwright.async_api import Browser, ViewportSize, expect

from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.lengths import predicted_lengths
from gateway.report.facts import Asked, facts_of
from gateway.report.page.document import document
from gateway.report.period import Period
from predictor import LengthPredictor
from predictor.inference.tiered import TieredPredictor
from scheduler.sim.engine_config import EngineConfig
from tests.deploy.paths import DEPLOY, ROOT
from tests.gateway.admin.dashboard.browser import DESKTOP, PHONE, browser, page
from tests.gateway.harness import gateway, hang_up

FOLDER = DEPLOY / "pictures"
PROMPTS = ROOT / "tests" / "predictor" / "everyday.jsonl"
TALL = ViewportSize(width=1280, height=1500)
LOOKS: dict[str, dict[str, Any]] = {
    "live_page": {"size": DESKTOP},
    "live_page_dark": {"size": DESKTOP, "color_scheme": "dark"},
    "live_page_phone": {"size": PHONE},
}
REPORTS: dict[str, dict[str, Any]] = {
    "report": {"size": TALL},
    "report_dark": {"size": TALL, "color_scheme": "dark"},
}
PATIENT = {"budget_ms": 5000, "refine_budget_ms": 5000}
SLOTS = {"max_num_seqs": 3}
ENGINE = EngineConfig(
    max_num_seqs=SLOTS["max_num_seqs"], num_blocks=520, scheduling_policy="priority"
)
"""A cache of 8,300 tokens: small, so that its peak matters."""
WORKER = {**SLOTS, "kv_tokens": ENGINE.num_blocks * ENGINE.block_size}


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the load")
    parser.add_argument("--rate", type=float, default=2.2, help="requests a second")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures")
    args = parser.parse_args()
    asyncio.run(_make(args.out, args.rate, args.seconds))


async def _make(folder: Path, rate: float, seconds: float) -> None:
    model = LengthPredictor.load()
    with ExitStack() as stack:
        learned = Path(stack.enter_context(TemporaryDirectory()))
        workers = [
            stack.enter_context(
                EmbeddedEmulator(EmulatorConfig(engine=ENGINE), predicted_lengths(model))
            )
            for _ in range(4)
        ]
        urls = [worker.url for worker in workers]
        tiered = TieredPredictor(model)
        async with (
            gateway(
                *urls,
                tiered=tiered,
                predictor=PATIENT,
                worker=WORKER,
                learning={"folder": learned},
            ) as running,
            browser() as one,
        ):
            running.app.state.live_config.places = {("workers",): "flag --worker"}
            sending = asyncio.create_task(_send(running.url, rate))
            try:
                await _take(one, running.url + "/dashboard", folder, seconds)
            finally:
                await hang_up(sending)
        await _report(learned / "served", urls, folder)


async def _report(log: Path, urls: list[str], folder: Path) -> None:
    """Pictures of the report of what was sent."""
    config = Config.model_validate({"workers": [{"url": url, **WORKER} for url in urls]})
    facts = await asyncio.to_thread(facts_of, Asked(log, Period(), config))
    file = log / "report.html"
    file.write_text(document(facts), encoding="utf-8")
    async with browser() as one:
        for name, look in REPORTS.items():
            async with page(one, file.as_uri(), **look) as (shown, complaints):
                await shown.locator("#saved" if "dark" in name else "body").evaluate(
                    "part => part.scrollIntoView()"
                )
                path = folder / f"{name}.png"
                await shown.screenshot(path=path)
                _shrink(path)
                print(_shown(path), *complaints)


async def _send(url: str, rate: float) -> None:
    """Everyday requests at random moments, more of them every other minute, until cancelled."""
    rng, loop = random.Random(3), asyncio.get_running_loop()
    bodies = [json.loads(line)["body"] for line in PROMPTS.read_text().splitlines()]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as group,
    ):
        while True:
            group.create_task(_ask(session, url, rng.choice(bodies), wrong=rng.random() < 0.01))
            busy = 1.6 if loop.time() % 120 < 60 else 0.6
            await asyncio.sleep(rng.expovariate(rate * busy))


async def _ask(
    session: aiohttp.ClientSession, url: str, body: dict[str, Any], *, wrong: bool
) -> None:
    sent = {**body, "model": "emulatd" if wrong else "emulated", "stream": True}
    async with session.post(url + "/v1/chat/completions", json=sent) as response:
        await response.read()


async def _take(one: Browser, url: str, folder: Path, seconds: float) -> None:
    """Watch for so many seconds in every look, then take the pictures."""

    async def picture(name: str, look: dict[str, Any]) -> None:
        async with page(one, url, **look) as (shown, complaints):
            await expect(shown.locator("#link")).to_have_text("live")
            await asyncio.sleep(seconds)
            path = folder / f"{name}.png"
            await shown.screenshot(path=path, full_page="phone" not in name)
            _shrink(path)
            print(_shown(path), *complaints)

    async with asyncio.TaskGroup() as group:
        for name, look in LOOKS.items():
            group.create_task(picture(name, look))


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _shrink(path: Path) -> None:
    """Keep 256 colours: a third of the bytes, and no difference to see."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main()
