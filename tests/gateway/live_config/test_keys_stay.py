"""No reload opens the gateway to everybody, and none holds requests up to read keys."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access import contents, key_file
from gateway.access.directory import Directory
from gateway.config.access import Access
from gateway.config.errors import ConfigError
from gateway.config.settings import Config
from gateway.live_config.live_config import Part
from tests.gateway.access.keys import bearer
from tests.gateway.harness import chat, until
from tests.gateway.live_config.running import Reloadable, reloadable, write


async def status(running: Reloadable, key: str = "") -> int:
    """Status of a request with a key, "" for none."""
    headers = bearer(key) if key else {}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(max_tokens=1)) as response:
            return response.status


@pytest.mark.parametrize("cut", ["whole", "end", "section", "value"])
async def test_a_file_that_is_cut_off_does_not_open_the_gateway(
    path: Path, worker: str, cut: str
) -> None:
    async with reloadable(path, worker) as running:
        text = (
            f"workers: [{{url: '{worker}', max_num_seqs: 64}}]\n"
            "health: {interval_s: 0.1}\n"
            "queue: {max_waiting: 50}\n"
            f"access:\n  keys_file: {running.keys_file}\n"
        )
        write(path, text)
        assert (await running.live.reload()).ok
        ends = {"end": "access", "section": "  keys_file", "value": f" {running.keys_file}"}
        wanted = text if cut == "whole" else text[: text.index(ends[cut])]
        write(path, wanted.replace("50", "60"))
        outcome = await running.live.reload()
        assert outcome.ok == (cut == "whole")
        if not outcome.ok:
            assert outcome.error.startswith(f"{path}: access: no key is named any more")
            assert "restart the gateway" in outcome.error
        assert running.scheduler._bounds.max_waiting == (60 if outcome.ok else 50)
        assert await status(running) == 401
        assert await status(running, running.key) == 200


async def test_keys_may_move_from_the_settings_to_a_file_and_back(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:
        own: dict[str, Any] = {"api_keys": {"alice": running.key}}
        for access in (own, {"keys_file": str(running.keys_file)}, own):
            assert (await running.reload({"access": access})).ok
            assert await status(running) == 401
            assert await status(running, running.key) == 200


async def test_a_file_of_keys_is_read_beside_the_event_loop(
    path: Path, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def reading(file: Path) -> key_file.Holders:
        threads.append(threading.current_thread())
        return key_file.read_holders(file)

    def making(settings: Access, holders: key_file.Holders) -> Directory:
        threads.append(threading.current_thread())
        return Directory(settings, holders)

    monkeypatch.setattr(contents, "read_holders", reading)
    monkeypatch.setattr(contents, "Directory", making)
    async with reloadable(path, worker) as running:
        threads.clear()
        assert (await running.reload({"access": {"keys_file": str(running.keys_file)}})).ok
        assert await status(running, running.key) == 200
        faults = [ConfigError("not this one")]

        def refuse_once(_: Config) -> None:
            if faults:
                raise faults.pop()

        # A part that refuses its section has all others take the old ones back.
        running.live.parts.append(Part(("access",), refuse_once))
        changed = {"keys_file": str(running.keys_file), "failures_per_min": 5}
        assert not (await running.reload({"access": changed})).ok
        assert await status(running, running.key) == 200
        keys_file = running.keys_file
        keys_file.write_bytes(keys_file.read_bytes() + b"\n")
        before = len(threads)
        await until(lambda: len(threads) >= before + 2, "the changed file has been read")
        assert threads
        assert threading.main_thread() not in threads
