"""The calibration's client: the URLs that it takes, and the streams that it reads."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.errors import CalibrationError
from gateway.calibrate.stream import read_stream
from gateway.emulator import EmbeddedEmulator
from tests.gateway.scripted import STREAM_HEAD, Script, answer, chunked, scripted

USAGE = '{"prompt_tokens": 9, "completion_tokens": 2}'


def streaming(text: str) -> Script:
    """A worker that answers with this stream, byte by byte where lines end."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for line in text.encode().splitlines(keepends=True):
            writer.write(chunked(line))
        writer.write(b"0\r\n\r\n")

    return script


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("space", ["", " "])
@pytest.mark.parametrize("colon", [":", ": "])
async def test_a_stream_is_read_by_the_specification(
    session: aiohttp.ClientSession, end: str, space: str, colon: str
) -> None:
    events = [
        f'{{"choices"{colon}[{{"index":0}}]}}',
        f'{{"usage"{colon}null, "choices"{colon}[{{"index":0}}]}}',
        f'{{"choices"{colon}[],"usage"{colon}{USAGE}}}',
        "[DONE]",
    ]
    text = f": a comment{end}{end}" + "".join(
        f"id: 7{end}data:{space}{event}{end}{end}" for event in events
    )
    async with scripted(streaming(text)) as worker, session.post(worker.url + "/v1/x") as response:
        stream = await read_stream(response, time.perf_counter(), output_tokens=2)
    assert (len(stream.events), stream.tokens, stream.prompt_tokens) == (2, 2, 9)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_a_url_may_end_in_the_api(emulator: EmbeddedEmulator, end: str) -> None:
    async with CalibrationClient(emulator.url + end) as client:
        await client.identify()
        assert client.url == emulator.url


async def test_user_and_password_of_the_url_are_sent_and_shown_nowhere() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"no", "403 Forbidden"))

    async with scripted(refuse) as worker:
        worker.statuses[b"/v1/models"] = "401 Unauthorized"
        url = worker.url.replace("//", "//me:s3cret@")
        async with CalibrationClient(url) as client:
            with pytest.raises(CalibrationError) as refused:
                await client.identify()
    assert b"Authorization: Basic bWU6czNjcmV0" in worker.probed[0]
    assert "the API key is refused" in str(refused.value)
    async with CalibrationClient("http://me:s3cret@127.0.0.1:9") as client:
        with pytest.raises(CalibrationError) as absent:
            await client.identify()
    assert "nothing answers at http://127.0.0.1:9/v1/models (no connection" in str(absent.value)
    for error in (refused, absent):
        assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("gpu-1:8000", "", "should be 'http' or 'https'"),
        ("http://me:s3cret@h:8000/?x=1", "", "without ? and #"),
        ("http://me:s3cret@h:8000", "another", "exclude each other"),
        ("ftp://me:s3cret@h", "", "should be 'http' or 'https'"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(
    url: str, key: str, words: str
) -> None:
    with pytest.raises(CalibrationError, match="--worker") as refused:
        CalibrationClient(url, key)
    assert words in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "another" not in str(refused.value)
