"""A reload: what is valid takes effect, what is not is refused, and what cannot change is named."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import aiohttp
import pytest

from gateway.config.load import Loaded, load_config
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.live_config.live_config import Part
from gateway.live_config.source import Source
from tests.gateway.harness import PATIENCE_S, chat, gateway, listening, post, until
from tests.gateway.live_config.running import Reloadable, reloadable, write

SECRET = "sk-never-shown"
ELSEWHERE = "http://127.0.0.1:9"


async def ready(running: Reloadable) -> dict[str, object]:
    """The state of the configuration in /ready."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(running.url + "/ready") as response,
    ):
        state: dict[str, object] = (await response.json())["configuration"]
        return state


async def test_a_change_of_the_file_takes_effect_within_a_second(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:
        await until(lambda: running.live.last.ok, "the file has been read")
        clock = asyncio.get_running_loop().time
        for limit in (4000, 3000, 2000):  # each refuses what the one before took
            begun = clock()
            write(path, running.having({"requests": {"max_body_bytes": limit}}))
            body = chat(padding="x" * (limit - 500))
            async with aiohttp.ClientSession() as session:
                while (await post(session, running.url, chat(padding="x" * limit)))[0] != 413:
                    assert clock() - begun < 1.0
                assert (await post(session, running.url, body))[0] == 200
            assert clock() - begun < 1.0


async def test_a_bad_file_is_refused_and_the_old_configuration_stays(
    path: Path, worker: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(path, worker) as running:
        before = running.live.hash
        write(path, f"queue:\n  max_waiting: 5\nworkers:\n- url: {worker}\n  api_kye: {SECRET}\n")
        outcome = await running.live.reload()
        assert not outcome.ok
        assert outcome.error.startswith(f"{path}:5: workers.0.api_kye: unknown setting.")
        assert running.live.in_force.queue.max_waiting == 10_000
        assert running.live.hash == before
        state = await ready(running)
        assert state["last_reload"] == "refused"
        assert state["error"] == outcome.error
        assert running.metric("config_last_reload_successful") == 0
        assert "the old one stays" in caplog.text
        assert SECRET not in caplog.text + str(state)
        async with aiohttp.ClientSession() as session:
            assert (await post(session, running.url, chat()))[0] == 200
        assert (await running.reload({})).ok
        assert (await ready(running))["last_reload"] == "ok"
        assert "error" not in await ready(running)
        assert running.metric("config_last_reload_successful") == 1


async def test_what_needs_a_restart_is_named_and_the_rest_takes_effect(
    path: Path, worker: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(path, worker) as running:
        changes = {"listen": {"port": 81, "max_headers": 20}, "predictor": {"refine": False}}
        with caplog.at_level(logging.WARNING):
            outcome = await running.reload(changes)
        assert outcome.ok
        assert outcome.changed == ("listen.max_headers",)
        assert outcome.restart == ("listen.port", "predictor.refine")
        assert f"{path}:1: listen.port has changed and needs a restart" in caplog.text
        assert running.live.in_force.listen.port == 8080
        assert running.app.state.connections.listen.max_headers == 20
        assert (await ready(running))["needs_restart"] == ["listen.port", "predictor.refine"]
        assert running.metric("config_settings_awaiting_restart") == 2
        caplog.clear()
        again = await running.reload({**changes, "queue": {"max_waiting": 5}})
        assert (again.changed, again.restart) == (("queue.max_waiting",), outcome.restart)
        assert "needs a restart" not in caplog.text, "told once"
        assert (await running.reload({})).restart == ()


async def test_hash_and_time_tell_what_is_in_force(path: Path, worker: str) -> None:
    known = {"tenants": {"known": [{"name": "a", "api_key": "first-key"}]}}
    async with reloadable(path, worker) as running:
        await running.reload(known)
        first = running.metric("config_hash")
        assert running.metric("config_last_reload_success_timestamp_seconds") > 1.7e9
        assert (await running.reload(known)).changed == ()
        assert running.metric("config_hash") == first
        known["tenants"]["known"][0]["api_key"] = "second-key"
        assert (await running.reload(known)).changed == ("tenants.known",)
        assert running.metric("config_hash") != first


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
async def test_an_empty_file_is_taken_for_one_that_is_being_written(
    path: Path, worker: str, text: str
) -> None:
    async with reloadable(path, worker, discovery={"dns": "localhost:1"}) as running:
        running.live.source = Source(path, env={"LENGTHWISE_WORKERS": worker})
        write(path, text)
        outcome = await running.live.reload()
        assert outcome.error == (
            f"{path}:1: holds no setting, as a file that is being written. Write the settings, or "
            "restart the gateway for the defaults."
        )
        assert running.live.in_force.discovery.dns == "localhost:1"


async def test_a_file_without_workers_is_refused(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:
        write(path, "queue: {max_waiting: 5}\n")
        outcome = await running.live.reload()
        assert "no worker is named" in outcome.error
        assert [str(member.id) for member in running.app.state.fleet.members] == [worker]


async def test_flags_and_environment_stay_above_the_file(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:
        running.live.source = Source(
            path,
            flags={("scheduling", "policy"): "fcfs"},
            env={"LENGTHWISE_QUEUE_MAX_WAITING": "7"},
        )
        await running.reload({"scheduling": {"policy": "gittins"}, "queue": {"max_waiting": 9}})
        assert running.live.in_force.scheduling.policy == "fcfs"
        assert running.live.in_force.queue.max_waiting == 7


async def test_workers_that_the_gateway_started_stay(path: Path, worker: str) -> None:
    started = WorkerConfig.model_validate({"url": worker})
    async with reloadable(path, worker) as running:
        running.live.source = Source(path, env={}, started=(started,))
        await running.reload({"workers": [{"url": ELSEWHERE}]})
        assert [one.shown_url for one in running.live.in_force.workers] == [ELSEWHERE, worker]


async def test_the_emulated_worker_leaves_once_the_file_names_one(path: Path, worker: str) -> None:
    emulated = WorkerConfig.model_validate({"url": worker})
    async with reloadable(path, worker) as running:
        running.live.source = Source(path, env={}, emulated=emulated)
        write(path, "queue: {max_waiting: 5}\n")
        assert (await running.live.reload()).ok
        assert [one.shown_url for one in running.live.in_force.workers] == [worker]
        await running.reload({"workers": [{"url": ELSEWHERE}]})
        assert [one.shown_url for one in running.live.in_force.workers] == [ELSEWHERE]


async def test_without_a_file_there_is_nothing_to_read(worker: str) -> None:
    async with gateway(worker) as running:
        outcome = await running.app.state.live_config.reload()
        assert not outcome.ok
        assert "Start it with --config" in outcome.error
        async with (
            aiohttp.ClientSession() as session,
            session.get(running.url + "/ready") as response,
        ):
            assert "configuration" not in await response.json()


async def test_a_bug_of_a_part_leaves_all_parts_as_they_were(
    path: Path, worker: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloadable(path, worker) as running:

        def fails(config: Config) -> None:
            if config.queue.max_waiting == 5:
                raise KeyError(SECRET)

        running.live.parts.append(Part(("queue",), fails))
        outcome = await running.reload({"queue": {"max_waiting": 5}})
        assert "a bug of the gateway (KeyError)" in outcome.error
        assert SECRET not in outcome.error
        assert running.live.in_force.queue.max_waiting == 10_000
        assert running.scheduler._bounds.max_waiting == 10_000
        assert (await running.reload({"queue": {"max_waiting": 6}})).ok
        assert running.scheduler._bounds.max_waiting == 6
        assert "could not be applied" in caplog.text


class _SlowSource(Source):
    """Takes its time between reading and the end of ``load``, the first time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.has_read, self.may_end = threading.Event(), threading.Event()

    def load(self) -> Loaded:
        loaded = super().load()
        if not self.has_read.is_set():
            self.has_read.set()
            assert self.may_end.wait(PATIENCE_S)
        return loaded


async def test_of_two_reloads_at_a_time_the_one_that_read_last_counts(
    path: Path, worker: str
) -> None:
    async with reloadable(path, worker) as running:
        source = running.live.source = _SlowSource(path, env={})
        write(path, running.having({"queue": {"max_waiting": 5}}))
        first = asyncio.create_task(running.live.reload())
        await asyncio.to_thread(source.has_read.wait, PATIENCE_S)
        write(path, running.having({"queue": {"max_waiting": 6}}))
        second = asyncio.create_task(running.live.reload())
        await asyncio.wait([second], timeout=0.1)
        source.may_end.set()
        await asyncio.gather(first, second)
        assert running.scheduler._bounds.max_waiting == 6


async def test_operators_reload_and_hear_what_came(path: Path, worker: str) -> None:
    async with (
        reloadable(path, worker) as running,
        listening(running.app.state.admin) as url,
        aiohttp.ClientSession() as session,
    ):
        write(path, running.having({"queue": {"max_waiting": 5}, "listen": {"port": 81}}))
        async with session.post(url + "/admin/reload") as response:
            assert response.status == 200
            answer = await response.json()
            at = answer["last_change"].pop("at")
            assert time.time() - 60 < at <= time.time()
            assert answer == {
                "ok": True,
                "last_change": {"changed": ["queue.max_waiting"]},
                "changed": ["queue.max_waiting"],
                "restart": ["listen.port"],
                "error": "",
            }
        async with session.post(url + "/admin/reload") as response:  # the watcher was faster
            answer = await response.json()
            assert answer["changed"] == []
            assert answer["last_change"] == {"at": at, "changed": ["queue.max_waiting"]}
        write(path, "queue: 5\n")
        async with session.post(url + "/admin/reload") as response:
            assert response.status == 422
            answer = await response.json()
            assert answer["error"].startswith(f"{path}:1: queue: must be a group")


async def test_a_part_that_refuses_its_section_is_heard(path: Path, worker: str) -> None:
    async with reloadable(path, worker) as running:
        absent = str(path.with_name("absent"))
        outcome = await running.reload(
            {"access": {"keys_file": absent}, "queue": {"max_waiting": 5}}
        )
        assert f"{absent} (access.keys_file) is not there" in outcome.error
        assert not running.app.state.access.on
        assert running.scheduler._bounds.max_waiting == 10_000


def test_a_relative_path_stays_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.yaml", "workers: [{url: http://a}]")
    source = Source(Path("a.yaml"), env={})
    monkeypatch.chdir("/")
    assert source.load().config == load_config(tmp_path / "a.yaml", env={})
