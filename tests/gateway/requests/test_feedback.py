"""What is kept of a request once it has ended: enough to learn from, and no secret."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator
from predictor.fast.predictor import LengthPredictor
from tests.gateway.harness import chat, forced, gateway, post, until

KEY = "sk-never-to-be-seen"
PATIENT = {"budget_ms": 5000}


def _records(folder: Path) -> list[dict[str, Any]]:
    from predictor.served_log import read

    records: list[dict[str, Any]] = read(folder / "served").to_pylist()
    return records


async def _ask(session: aiohttp.ClientSession, url: str, key: str = "", **fields: Any) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with session.post(
        url + "/v1/chat/completions", json=chat(**fields), headers=headers
    ) as response:
        assert response.status == 200
        await response.read()


async def test_each_finished_request_leaves_one_record(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    learning = {"folder": tmp_path}
    async with gateway(
        emulator.url, model=LengthPredictor.load(), learning=learning, predictor=PATIENT
    ) as running:
        picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
        said = [{"role": "user", "content": [{"type": "text", "text": "Hello"}, picture]}]
        await _ask(session, running.url, KEY, vllm_xargs=forced(12), stream=True, messages=said)
        await _ask(session, running.url, "another", vllm_xargs=forced(40), max_tokens=8)
        assert (await post(session, running.url, {"model": "none"}))[0] == 404
        await until(lambda: running.metric("log_records_total", result="written") == 2, "written")
    first, second = _records(tmp_path)
    assert (first["output_tokens"], first["censored"], first["finish_reason"]) == (
        12,
        False,
        "stop",
    )
    assert (second["output_tokens"], second["censored"], second["max_tokens"]) == (8, True, 8)
    assert first["tenant"] != second["tenant"] != ""
    assert first["prompt_hash"] == second["prompt_hash"] != ""
    assert first["arrival"] <= first["dispatched"] <= first["first_token"] <= first["finished"]
    assert (first["streamed"], second["streamed"]) == (True, False)
    assert (first["images"], second["images"]) == (1, 0)
    assert first["key"] == first["tenant"]  # it has no name
    assert first["tier"] == "fast"
    assert first["worker"] == emulator.url
    assert len(first["inputs"]) > 50
    assert first["predicted_quantiles"] == sorted(first["predicted_quantiles"])
    assert max(second["predicted_quantiles"]) <= 8


async def test_neither_keys_nor_texts_are_written_unless_texts_are_asked_for(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    for name, keep_text in (("without", False), ("with", True)):
        learning = {"folder": tmp_path / name, "keep_text": keep_text}
        async with gateway(emulator.url, learning=learning) as running:
            message = [{"role": "user", "content": "Zanzibar"}]
            await _ask(session, running.url, KEY, messages=message, max_tokens=2)
        written = b"".join(
            file.read_bytes() for file in (tmp_path / name).rglob("*") if file.is_file()
        )
        assert KEY.encode() not in written
        assert (b"Zanzibar" in written) == keep_text


async def test_an_answer_whose_client_hangs_up_counts_as_cut(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, learning={"folder": tmp_path}) as running:
        body = chat(stream=True, vllm_xargs=forced(8000), max_tokens=8000)
        async with session.post(running.url + "/v1/chat/completions", json=body) as response:
            await response.content.readany()
        await until(lambda: running.metric("log_records_total", result="written") == 1, "recorded")
    (record,) = _records(tmp_path)
    assert record["finish_reason"] == "aborted"
    assert record["censored"]
    assert 0 < record["output_tokens"] < 8000


async def test_records_lost_to_a_full_disk_count_as_dropped(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, learning={"folder": tmp_path}) as running:
        log = running.app.state.learned.log
        full = os.open("/dev/full", os.O_WRONLY)  # each write fails as on a full disk
        sound, log._file = log._file, full
        await _ask(session, running.url, KEY, max_tokens=2)
        await until(lambda: running.metric("log_records_total", result="dropped") == 1, "lost")
        assert running.metric("log_records_total", result="written") == 0
        log._file = sound
        os.close(full)
        await _ask(session, running.url, KEY, max_tokens=2)
        await until(lambda: running.metric("log_records_total", result="written") == 1, "written")


async def test_a_restart_goes_on_with_what_was_learned(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async def answer(times: int) -> float:
        async with gateway(
            emulator.url,
            model=LengthPredictor.load(),
            learning={"folder": tmp_path},
            predictor=PATIENT,
        ) as running:
            for _ in range(times):
                await _ask(session, running.url, vllm_xargs=forced(700))
        return float(_records(tmp_path)[-1]["predicted_mean"])

    before = await answer(1)
    await answer(3)
    assert abs(await answer(1) - 700) < abs(before - 700) / 3


async def test_only_an_answer_of_one_sequence_teaches_the_forecaster(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        await _ask(session, running.url, vllm_xargs=forced(5), n=2)
        assert running.metric("prediction_intervals_total") == 0
        await _ask(session, running.url, vllm_xargs=forced(5))
        assert running.metric("prediction_intervals_total") == 1


async def test_the_log_takes_in_records_while_many_answers_end(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, learning={"folder": tmp_path}) as running:
        asks = (_ask(session, running.url, vllm_xargs=forced(n % 7 + 1)) for n in range(100))
        await asyncio.gather(*asks)
    records = _records(tmp_path)
    assert len({record["id"] for record in records}) == 100
    assert [r["finished"] for r in records] == sorted(r["finished"] for r in records)
