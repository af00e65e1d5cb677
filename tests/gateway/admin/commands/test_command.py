"""The operators' commands, as they are typed."""

from __future__ import annotations

import asyncio
import json
import os
from io import StringIO
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from gateway.admin.commands.fit import why_off
from gateway.admin.commands.pages import status_page
from gateway.admin.commands.queue_pages import queue_table, top_table
from gateway.admin.commands.screen import console
from gateway.cli import main
from gateway.emulator import EmbeddedEmulator
from gateway.live_config.live_config import Outcome
from tests.gateway.admin.operators import operated
from tests.gateway.harness import chat, hang_up, until

Output = pytest.CaptureFixture[str]


async def _run(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_status_is_shown_in_a_pipe_and_as_json(
    emulator: EmbeddedEmulator, capsys: Output
) -> None:
    async with operated(emulator.url) as running:
        assert await _run("status", "--admin", running.url) == 0
        shown = capsys.readouterr().out
        assert emulator.url in shown
        assert "serving" in shown
        assert "\x1b" not in shown
        assert await _run("status", "--json", "--admin", running.url) == 0
        page = json.loads(capsys.readouterr().out)
        assert page["workers"][0]["url"] == emulator.url


async def test_a_worker_is_drained_and_undrained(
    emulator: EmbeddedEmulator, capsys: Output
) -> None:
    async with operated(emulator.url) as running:
        member = running.gateway.app.state.fleet[emulator.url]
        assert await _run("drain", emulator.url, "--wait", "--admin", running.url) == 0
        assert member.drained
        assert "is idle" in capsys.readouterr().out
        assert await _run("status", "--admin", running.url) == 0
        assert "drained" in capsys.readouterr().out
        assert await _run("undrain", emulator.url, "--admin", running.url) == 0
        assert not member.drained
        assert await _run("drain", "http://nobody:1", "--admin", running.url) == 1
        assert emulator.url in capsys.readouterr().err


async def test_the_queue_is_paused_and_resumed(emulator: EmbeddedEmulator, capsys: Output) -> None:
    async with operated(emulator.url) as running:
        assert await _run("pause", "--admin", running.url) == 0
        assert running.gateway.scheduler.paused
        assert await _run("resume", "--admin", running.url) == 0
        assert not running.gateway.scheduler.paused


async def test_the_token_comes_from_the_environment_or_the_configuration(
    emulator: EmbeddedEmulator, capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = "a-token-of-operators"
    admin = {"listen": "0.0.0.0:1", "token": token}
    async with operated(emulator.url, admin=admin) as running:
        monkeypatch.setenv("LENGTHWISE_ADMIN", running.url)
        assert await _run("pause") == 1
        assert "LENGTHWISE_ADMIN_TOKEN" in capsys.readouterr().err
        monkeypatch.setenv("LENGTHWISE_ADMIN_TOKEN", token)
        assert await _run("pause") == 0
        for name in ("LENGTHWISE_ADMIN", "LENGTHWISE_ADMIN_TOKEN"):
            monkeypatch.delenv(name)
        file = tmp_path / "lengthwise.yaml"
        listen = "0.0.0.0:" + running.url.rpartition(":")[2]
        file.write_text(f"admin:\n  listen: {listen}\n  token: {token}\n")
        assert await _run("resume", "--config", str(file)) == 0
        assert token not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (("status",), 2, "--admin URL|SOCKET"),
        (("status", "--admin", "http://127.0.0.1:1"), 1, "admin.listen"),
        (("status", "--admin", "/nowhere/admin.sock"), 1, "no such file"),
        (("status", "--admin", "ftp://gpu-1:9"), 2, "neither an http URL"),
        (("status", "--admin", "gpu-1"), 2, "host:port"),
        (("drain", "http://w:1", "--admin", "127.0.0.1:1"), 1, "admin.listen"),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_remedy(
    words: tuple[str, ...], code: int, remedy: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("LENGTHWISE_")]:
        monkeypatch.delenv(name)
    assert main(list(words)) == code
    errors = capsys.readouterr().err
    assert remedy in errors
    assert errors.count("\n") == 1


async def test_the_port_of_clients_is_told_from_the_listener_of_operators(
    emulator: EmbeddedEmulator, capsys: Output
) -> None:
    async with operated(emulator.url) as running:
        assert await _run("status", "--once", "--admin", running.gateway.url) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "not where operators are served" in told
        assert "admin.listen" in told


async def test_a_worker_cannot_steer_the_terminal(
    emulator: EmbeddedEmulator, capsys: Output, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url) as running:
        page = await running.get(session, "/admin/status")
    page["workers"][0]["problem"] = "\x1b[2J[bold]gone[/bold]"
    console().print(status_page(page, 200))
    shown = capsys.readouterr().out
    assert "?[2J[bold]gone" in shown
    assert "\x1b" not in shown


async def test_answers_that_a_limit_cut_are_said_not_to_count_for_forecasts(
    emulator: EmbeddedEmulator, capsys: Output, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url) as running:
        body = chat(max_tokens=1)
        async with session.post(running.gateway.url + "/v1/chat/completions", json=body) as answer:
            assert answer.status == 200
        page = await running.get(session, "/admin/status")
    console().print(status_page(page, 200))
    shown = " ".join(capsys.readouterr().out.split())
    assert "those cut by a token limit do not count" in shown


async def test_what_is_saved_is_shown_with_its_interval_or_why_it_is_not_known(
    emulator: EmbeddedEmulator, capsys: Output, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url) as running:
        page = await running.get(session, "/admin/status")
        assert (await running.get(session, "/admin/shadow"))["state"] == page["saved"]["state"]
    console().print(status_page(page, 200))
    assert "Saved by the policy: not measured (shadow.enabled)" in capsys.readouterr().out
    saving = {"seconds": 1.25, "low": 0.5, "high": 2.0, "share": 0.2}
    row = {"mean_e2e": saving, "preemptions": 7}
    page["saved"] = {
        **{"state": "ok", "policy": "sejf", "requests": 1500, "window_s": 600.0, "age_s": 3.0},
        "error_ratio": {"mean_e2e": -0.04, "p99_e2e": 0.3},
        "cost_factor": 1.42,
        "beyond": [],
        "against": {"stock": row},
    }
    console().print(status_page(page, 200))
    shown = capsys.readouterr().out
    assert "Saved by sejf, 1,500 requests of 10 min 0 s (replay off by -4 %, " in shown
    assert "engine steps scaled by 1.42)" in " ".join(shown.split())
    assert "1.25 s, 20 % (0.5..2)" in shown
    off = page["saved"] | {"state": "model_off"}
    assert "p99_e2e is off by +30 %; check max_num_seqs" in why_off(off | {"beyond": ["p99_e2e"]})
    assert "steps 1.42 times as long as measured" in why_off(off | {"beyond": ["cost_factor"]})
    page["saved"] = off | {"beyond": ["cost_factor"]}
    console().print(status_page(page, 200))
    assert "steps 1.42 times as long" in " ".join(capsys.readouterr().out.split())


async def test_the_queue_a_request_and_the_keys_are_shown(
    emulator: EmbeddedEmulator, capsys: Output, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url) as running:
        await running.post(session, "/admin/pause")
        headers = {"x-request-id": "r-17"}
        url = running.gateway.url + "/v1/chat/completions"
        task = asyncio.create_task(session.post(url, json=chat(), headers=headers).__aenter__())
        await until(lambda: running.gateway.scheduler.waiting == 1, "it waits")
        for words in (
            ("queue",),
            ("queue", "r-17"),
            ("queue", "--json"),
            ("queue", "r-17", "--json"),
        ):
            assert await _run(*words, "--admin", running.url) == 0
            assert "r-17" in capsys.readouterr().out
        assert await _run("queue", "none", "--admin", running.url) == 1
        assert "access log" in capsys.readouterr().err
        assert await _run("top", "--admin", running.url) == 0
        assert "no key" in capsys.readouterr().out
        assert await _run("top", "--json", "--admin", running.url) == 0
        assert json.loads(capsys.readouterr().out)["keys"][0]["waiting"] == 1
        await hang_up(task)


async def test_a_reload_tells_what_came_of_it(emulator: EmbeddedEmulator, capsys: Output) -> None:
    async with operated(emulator.url) as running:
        assert await _run("reload", "--admin", running.url) == 1  # the harness has no file
        errors = capsys.readouterr().err
        assert "--config" in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("queue", "--limit", "0"),
        ("queue", "--limit", "1001"),
        ("status", "--interval", "0"),
        ("status", "--interval", "nan"),
        ("top", "--interval", "-1"),
        ("serve", "--model-timeout", "0"),
        ("emulate", "--port", "65536"),
        ("emulate", "--speed", "inf"),
    ],
)
def test_a_figure_beyond_its_bounds_is_refused_with_them(
    capsys: Output, words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"argument {words[1]}: {words[2]!r}; give a" in told


async def test_status_shows_what_an_operator_has_to_mend(
    emulator: EmbeddedEmulator, capsys: Output, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url) as running:
        live = running.gateway.app.state.live_config
        live.last = Outcome(ok=False, error="lw.yaml:7: queue: wrong.", restart=("listen.port",))
        running.gateway.app.state.access._unused = "keys:3: the line is broken."
        assert await _run("status", "--once", "--admin", running.url) == 0
        shown = capsys.readouterr().out
        for part in ("is refused", "lw.yaml:7: queue: wrong.", "listen.port", "keys:3: the line"):
            assert part in shown
        page = await running.get(session, "/admin/status")
        assert page["configuration"]["error"] == "lw.yaml:7: queue: wrong."
        assert page["keys_problem"] == "keys:3: the line is broken."


def test_nothing_is_cut_on_a_narrow_screen() -> None:
    name = "a-holder-with-a-long-name"
    row = dict.fromkeys(("prompt_tokens", "expected_tokens", "class"), 1_000_000)
    row |= {"position": 1, "id": "7" * 32, "key": name, "model": "m"}  # type: ignore[dict-item]
    row |= {"waited_s": 4000.0, "starts_in_s": None}  # type: ignore[dict-item]
    queue = {"waiting": 1, "paused": False, "requests": [row]}
    numbers = ("waiting", "running", "expected_tokens", "ended", "prompt_tokens", "output_tokens")
    top = {"uptime_s": 1.0, "keys": [{"key": name, **dict.fromkeys(numbers, 10**6)}]}
    for width in (80, 1000):
        output = StringIO()
        screen = Console(file=output, width=width)
        screen.print(queue_table(queue, width))
        screen.print(top_table(top, width))
        shown = output.getvalue()
        assert "…" not in shown
        for text in ("7" * 32, "1,000,000", "1 h 6 min"):
            assert text in shown
        assert (name in shown) == (width == 1000)
