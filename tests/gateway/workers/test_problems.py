"""What is wrong with a worker is told once, with its remedy, in the log and in ``GET /ready``."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from gateway.workers.engine_report import EngineReport
from gateway.workers.status import worker_statuses
from tests.gateway.scripted import ScriptedWorker, refusing, scripted
from tests.gateway.workers.fleets import Wing, fleet_of

SOUND = b"vllm:num_requests_running 4\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.1\n"


async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def never(_: bytes) -> None:
    await asyncio.Event().wait()


def problem(wing: Wing) -> str | None:
    """The problem that ``GET /ready`` shows of the first worker."""
    shown = worker_statuses(wing.fleet, wing.scheduler)[0].as_json()["problem"]
    assert shown is None or isinstance(shown, str)
    return shown


async def probe_anew(wing: Wing) -> None:
    """Probe every worker, models and load as well."""
    for member in wing.fleet.members:
        member.scraped = float("-inf")
    await wing.fleet.probe()


@pytest.mark.parametrize("path", [b"/health", b"/v1/models"])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("401 Unauthorized", "answers 401 Unauthorized; it wants a key: set api_key"),
        ("403 Forbidden", "answers 403 Forbidden; it wants a key: set api_key"),
        (
            "307 Temporary Redirect\r\nlocation: https://u:p@new/x?k=v",
            "is redirected (307) to https://new/x. ",
        ),
        ("404 Not Found", "answers 404 Not Found; give the base URL"),
        ("503 Service Unavailable", "answers 503 Service Unavailable; the server loads"),
        ("599 Odd", "answers 599; see the server's log"),
    ],
)
async def test_a_refused_probe_is_told_once_with_its_remedy(
    path: bytes, status: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(hang) as worker:
        worker.statuses = {path: status}
        async with fleet_of(worker.url) as wing:
            assert told in (problem(wing) or "")
            assert path.decode() in (problem(wing) or "")
            await probe_anew(wing)
            assert caplog.text.count(told) == 1
            assert f"worker {worker.url} is down: " in caplog.text
            worker.statuses.clear()
            await probe_anew(wing)
            assert problem(wing) is None
            assert wing.fleet.ready


async def test_a_refused_key_is_told_apart_from_a_missing_one_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted(hang) as worker:
        worker.statuses = {b"/v1/models": "401 Unauthorized"}
        workers = [{"url": worker.url, "api_key": "sk-secret"}]
        async with fleet_of(workers=workers) as wing:
            assert "the key of this worker is refused" in (problem(wing) or "")
            assert b"Authorization: Bearer sk-secret" in worker.probed[0]
            assert "sk-secret" not in caplog.text + repr(wing.fleet.members)


async def test_a_worker_that_misses_the_clients_key_tells_which_setting_sends_it() -> None:
    async with scripted(refusing("401 Unauthorized")) as worker, fleet_of(worker.url) as wing:
        backend = wing.fleet.members[0].backend
        async with backend.request("POST", "/v1/completions", {"X-Api-Key": "k"}, b"{}"):
            pass
        await probe_anew(wing)
        assert "set api_key" in (problem(wing) or "")
        assert "forward_client_credentials" in (problem(wing) or "")
        assert wing.fleet.ready


async def test_user_and_password_of_the_url_are_sent_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted(hang) as worker:
        url = worker.url.replace("//", "//ops:s3cret%40@")
        worker.statuses = {b"/v1/models": "401 Unauthorized"}
        async with fleet_of(url) as wing:
            expected = b"Basic " + b64encode(b"ops:s3cret@")
            assert [b"Authorization: " + expected in head for head in worker.probed] == [True] * 2
            status = worker_statuses(wing.fleet, wing.scheduler)[0]
            assert status.url == worker.url
            assert "s3cret" not in caplog.text + repr(wing.fleet.members) + str(status)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        (b"<html>", "is not JSON"),
        (b"\xff\xfe{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"models": []}', 'has no list "data"'),
        (b"[]", 'has no list "data"'),
        (b'{"data": {"id": "m"}}', 'has no list "data"'),
        (b'{"data": []}', "names no model"),
        (b'{"data": [null, 3, "m", {"id": null}, {"id": 7}, {"id": ""}]}', "names no model"),
        (b'{"data": [{"id": "\\ud800"}, {"id": "m", "x": NaN}]}', "names no model"),
        (b'{"data": [{"id": "m", "x": 1e999}]}', "names no model"),
    ],
)
async def test_a_list_of_models_that_makes_no_sense_is_told(models: bytes, told: str) -> None:
    async with scripted(hang) as worker:
        worker.models = models
        async with fleet_of(worker.url) as wing:
            assert told in (problem(wing) or "")
            assert not wing.fleet.ready


async def test_the_sound_models_of_a_list_are_served_and_the_others_are_told() -> None:
    async with scripted(hang) as worker:
        worker.models = b'{"data": [{"id": null}, {"id": "m", "max_model_len": true}, {"id": 3}]}'
        async with fleet_of(worker.url) as wing:
            assert list(wing.fleet.models()) == ["m"]
            assert wing.fleet.max_model_len("m") == float("inf")
            assert problem(wing) == "/v1/models: 2 entries without a usable id are ignored"


async def test_a_context_that_no_model_has_is_no_bound() -> None:
    async with scripted(hang) as worker:
        worker.models = b'{"data": [{"id": "m", "max_model_len": 1%b}]}' % (b"0" * 400)
        async with fleet_of(worker.url) as wing:
            assert wing.fleet.max_model_len("m") == float("inf")


async def test_metrics_that_make_no_sense_are_ignored_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted(hang) as worker:
        worker.metrics = SOUND.replace(b"0.1", b"NaN")
        async with fleet_of(worker.url) as wing:
            await probe_anew(wing)
            assert wing.fleet.ready
            assert wing.fleet[worker.url].backend.report.running == 4
            told = "/metrics: no sensible value of kv_cache_usage_perc; ignored"
            assert problem(wing) == told
            assert caplog.text.count(told) == 1


def broken(worker: ScriptedWorker) -> None:
    worker.statuses = {b"/metrics": "500 Internal Server Error"}


def locked(worker: ScriptedWorker) -> None:
    worker.statuses = {b"/metrics": "401 Unauthorized"}


def endless(worker: ScriptedWorker) -> None:
    worker.metrics = b"x" * (9 * 2**20)


def hanging(worker: ScriptedWorker) -> None:
    async def hang_on_metrics(path: bytes) -> None:
        if path == b"/metrics":
            await asyncio.Event().wait()

    worker.before_probe = hang_on_metrics


@pytest.mark.parametrize("harm", [broken, locked, endless, hanging])
async def test_metrics_that_cannot_be_read_leave_the_worker_healthy_and_its_cache_known(
    harm: object, caplog: pytest.LogCaptureFixture
) -> None:
    cache = b'vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1\n'
    async with scripted(hang) as worker:
        worker.metrics = SOUND + cache
        async with fleet_of(worker.url, health={"timeout_s": 0.3}) as wing:
            assert callable(harm)
            harm(worker)
            for _ in range(5):
                await probe_anew(wing)
            assert wing.fleet.ready
            assert wing.fleet[worker.url].backend.report == EngineReport(
                kv_tokens=99 * 16, kv_block=16
            )
            assert "the load cannot be read" in (problem(wing) or "")
            assert caplog.text.count("the load cannot be read") == 1


async def test_a_worker_whose_probes_only_time_out_is_told_once_as_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {"timeout_s": 0.1, "failures": 2}
    async with scripted(hang) as worker:
        worker.before_probe = never
        async with fleet_of(worker.url, health=settings) as wing:
            assert problem(wing) is None
            for _ in range(3):
                await wing.fleet.probe()
            assert problem(wing) == "no answer within 0.1 s (health.timeout_s)"
            assert caplog.text.count("is down: no answer within 0.1 s") == 1


async def test_a_bug_in_reading_one_worker_ends_no_watch(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(hang) as worker, fleet_of(worker.url) as wing:
        monkeypatch.setattr(type(wing.fleet[worker.url]), "observe_load", lambda *_: int("secret"))
        for _ in range(2):
            await probe_anew(wing)
        assert "ValueError" in (problem(wing) or "")
        assert "secret" not in (problem(wing) or "")
        assert caplog.text.count("Traceback") == 1
        monkeypatch.undo()
        await probe_anew(wing)
        assert problem(wing) is None


async def test_a_probe_asks_for_no_compression() -> None:
    # What a proxy before the worker compresses, the gateway would take for garbage.
    async with scripted(hang) as worker, fleet_of(worker.url):
        assert all(b"Accept-Encoding: identity\r\n" in head for head in worker.probed)
