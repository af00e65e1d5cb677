"""Collections of cycles hold up no request: what lasts is left out of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE

from tests.gateway.harness import PATIENCE_S

SERVE = """
import gc
from gateway.cli import main
main(["serve", "--port", "0"])
print("left out", gc.get_freeze_count(), "looked through", len(gc.get_objects()))
print("looks", *gc.get_threshold())
"""


async def test_what_is_made_before_the_gateway_serves_is_left_out_of_collections() -> None:
    settings = {"LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0", "LENGTHWISE_PREDICTOR_ENABLED": "false"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE), stdout=PIPE, env={**os.environ, **settings}
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert b"serving" in await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        told = (await process.stdout.read()).split(b"left out")[1].split()
        await process.wait()
    assert int(told[0]) > 10 * int(told[3])
    young, turns, full_turns = map(int, told[5:8])
    assert young * turns * full_turns > 1_000_000, "10,000 that wait are looked through"
