"""The file is watched, however it is replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.live_config import file_watch
from gateway.live_config.file_watch import changes
from tests.gateway.harness import until


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "LOOK_S", 0.01)
    monkeypatch.setattr(file_watch, "SETTLE_S", 0.01)


def put(path: Path, text: str) -> None:
    path.write_text(text)


def held(path: Path) -> str:
    return path.read_text() if path.exists() else "gone"


@asynccontextmanager
async def watched(path: Path) -> AsyncIterator[list[str]]:
    """What the file held at each change; the first entry is that of the start."""
    seen: list[str] = []

    async def watch() -> None:
        async for _ in changes(path):
            seen.append(held(path))

    task = asyncio.create_task(watch())
    await until(lambda: len(seen) == 1, "the watch has begun")
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_is_written_in_place_is_seen(path: Path) -> None:
    put(path, "one")
    async with watched(path) as seen:
        put(path, "two")
        await until(lambda: seen == ["one", "two"], "the change is seen once")


async def test_a_file_that_is_renamed_over_it_is_seen(path: Path) -> None:
    put(path, "one")
    async with watched(path) as seen:
        new = path.with_suffix(".tmp")
        put(new, "two")  # of the same size
        os.replace(new, path)
        await until(lambda: seen == ["one", "two"], "the change is seen once")


async def test_a_config_map_of_kubernetes_is_followed(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for name, text in (("..v1", "one"), ("..v2", "two")):
        (mount / name).mkdir(parents=True)
        (mount / name / "lengthwise.yaml").write_text(text)
    (mount / "..data").symlink_to("..v1")
    path = mount / "lengthwise.yaml"
    path.symlink_to("..data/lengthwise.yaml")
    async with watched(path) as seen:
        (mount / "..data_tmp").symlink_to("..v2")
        os.replace(mount / "..data_tmp", mount / "..data")
        await until(lambda: seen == ["one", "two"], "the swap is seen once")


async def test_a_file_that_goes_and_comes_back_is_seen(path: Path) -> None:
    put(path, "one")
    async with watched(path) as seen:
        os.unlink(path)
        await until(lambda: seen == ["one", "gone"], "it is gone")
        put(path, "two")
        await until(lambda: seen[2:] == ["two"], "it is back")


async def test_a_change_counts_once_it_has_settled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, "0")
    written = iter(["0 1", "0 1 2", "0 1 2 3"])
    real = file_watch.fingerprint

    def writing(file: Path) -> file_watch.Fingerprint:
        """A file that grows before each look, until it is whole."""
        if begun and (text := next(written, None)) is not None:
            put(path, text)
        return real(file)

    begun = False
    monkeypatch.setattr(file_watch, "fingerprint", writing)
    async with watched(path) as seen:
        begun = True
        await until(lambda: len(seen) > 1, "the change is seen")
        assert seen == ["0", "0 1 2 3"]
