"""Each setting that changes live takes effect, and no request is lost by it."""

from __future__ import annotations

import asyncio
from itertools import cycle, islice
from pathlib import Path

import aiohttp

from tests.gateway.access.keys import bearer
from tests.gateway.harness import chat, forced, post, until
from tests.gateway.live_config.effects import BASE, EFFECTS, changes_of
from tests.gateway.live_config.running import Reloadable, reloadable
from tests.gateway.live_config.test_changes import live_settings
from tests.gateway.raw import ask, request
from tests.gateway.scripted import answer, scripted

RELOADS = 200
CLIENTS = 8


def test_every_live_setting_has_its_effect_here() -> None:
    assert set(EFFECTS) == set(live_settings())


async def test_each_live_setting_takes_effect_and_goes_back(path: Path, worker: str) -> None:
    async with reloadable(path, worker, **BASE) as running:
        for name, effect in EFFECTS.items():
            before = effect.seen(running)
            assert before != effect.expected, name
            outcome = await running.reload(changes_of(name, running))
            assert outcome.ok, outcome
            assert name in outcome.changed
            assert outcome.restart == ()
            assert effect.seen(running) == effect.expected, name
            assert (await running.reload({})).ok
            if not name.startswith("discovery."):  # its complaints stay until they are mended
                assert effect.seen(running) == before, name


async def _client(running: Reloadable, ended: list[int], stop: asyncio.Event) -> None:
    """Send requests, streams among them, until told to stop."""
    body = chat(vllm_xargs=forced(8), stream=len(ended) % 2 == 0)
    async with aiohttp.ClientSession(headers=bearer(BASE["access"]["api_keys"]["base"])) as session:
        while not stop.is_set():
            async with session.post(running.url + "/v1/chat/completions", json=body) as response:
                data = await response.read()
                whole = data.endswith(b"data: [DONE]\n\n") if body["stream"] else b"usage" in data
                ended.append(response.status if whole else -1)


async def test_two_hundred_reloads_under_load_lose_no_request(path: Path, worker: str) -> None:
    clock = asyncio.get_running_loop().time
    took: list[float] = []
    ended: list[int] = []
    async with reloadable(path, worker, **BASE) as running:
        stop = asyncio.Event()
        clients = [asyncio.create_task(_client(running, ended, stop)) for _ in range(CLIENTS)]
        for name in islice(cycle(EFFECTS), RELOADS):
            begun = clock()
            outcome = await running.reload(changes_of(name, running))
            assert outcome.ok, outcome
            if not name.startswith("discovery."):
                assert EFFECTS[name].seen(running) == EFFECTS[name].expected, name
            took.append(clock() - begun)
        await running.reload({})
        stop.set()
        await asyncio.gather(*clients)
    assert set(ended) == {200}
    assert len(ended) > RELOADS
    assert sorted(took)[RELOADS * 9 // 10] < 1.0  # some, while the machine was busy


async def ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b'{"choices": []}'))


async def test_a_worker_joins_and_another_leaves_after_its_last_request(path: Path) -> None:
    release = asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(b'{"choices": []}'))

    async with (
        scripted(slow) as first,
        scripted(ok) as second,
        reloadable(path, first.url) as running,
        aiohttp.ClientSession() as session,
    ):
        await until(lambda: running.app.state.fleet.ready, "the worker is ready")
        waiting = asyncio.create_task(post(session, running.url, chat()))
        await until(lambda: first.served == 1, "the first worker has the request")
        await running.reload({"workers": [{"url": second.url}]})
        await until(lambda: second.url in running.scheduler.workers, "the second is used")
        assert (await post(session, running.url, chat()))[0] == 200
        assert (first.served, second.served) == (1, 1)
        release.set()
        assert (await waiting)[0] == 200
        members = running.app.state.fleet
        await until(lambda: len(members.members) == 1, "the first worker has left")


async def test_origins_count_at_once(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:

        async def allowed() -> list[bytes]:
            page = request(b"GET", "/v1/models", b"origin: https://a")
            found = await ask(running.url, page)
            return [value for key, value in found.headers if key.endswith(b"allow-origin")]

        assert await allowed() == [b"*"]
        await running.reload({"cors": {"origins": ["https://b"]}})
        assert await allowed() == []
        await running.reload({"cors": {"origins": ["https://a"]}})
        assert await allowed() == [b"https://a"]


async def test_an_open_connection_has_the_new_bounds(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running, aiohttp.ClientSession() as session:
        url = running.url + "/v1/models?" + "x" * 500
        async with session.get(url) as response:
            assert response.status == 200
        await running.reload({"listen": {"max_url_bytes": 300}})
        async with session.get(url) as response:
            assert response.status == 414


async def test_a_file_of_workers_that_is_named_later_is_read(path: Path, worker: str) -> None:
    file = path.with_name("workers.yaml")
    file.write_text(f"[url: {worker}]")
    async with scripted(ok) as other, reloadable(path, other.url) as running:
        await running.reload({"discovery": {"file": str(file), "interval_s": 0.05}})
        members = running.app.state.fleet
        await until(lambda: len(members.members) == 2, "the worker of the file has joined")
        file.write_text("[]")
        await until(lambda: len(members.members) == 1, "the file is read again and again")


async def test_probes_keep_the_new_interval_at_once(path: Path) -> None:
    async with (
        scripted(ok) as worker,
        reloadable(path, worker.url, health={"interval_s": 60}) as running,
    ):
        probes = len(worker.probed)
        await running.reload({"health": {"interval_s": 0.05}})
        await until(lambda: len(worker.probed) > probes + 3, "more probes", patience_s=5)
