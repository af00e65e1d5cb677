"""A relay without an application: what it tells the scheduler and reads of the answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from gateway.protocol.openai import parse
from gateway.protocol.reply import Reply
from gateway.requests.event_relay import PIECE_BYTES
from gateway.requests.refusals import WorkerFailed
from gateway.requests.relay import Relay
from gateway.workers.fleet import Fleet
from scheduler.records import RequestRecord
from tests.gateway.harness import until
from tests.gateway.scripted import CHUNK, STREAM_HEAD, Script, answer, chunked, scripted
from tests.gateway.workers.fleets import fleet_of
from tests.scheduler.builders import job

LAST = b"data: [DONE]\n\n"


def relay(fleet: Fleet, **fields: Any) -> Relay:
    """The relay of a chat request; its client takes whatever comes."""

    async def send(_: dict[str, object]) -> None:
        pass

    body = json.dumps({"model": "emulated", **fields}).encode()
    return Relay(
        request=parse("chat/completions", "POST", "application/json", body),
        method="POST",
        path="/v1/chat/completions",
        given=[],
        reply=Reply(send, "the-id"),
        record=RequestRecord(arrival=0.0),
        fleet=fleet,
    )


def streaming(tokens: int, *last: bytes) -> Script:
    """A stream of so many tokens, one chunk each, then these events."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for event in [CHUNK] * tokens + [*last, b"data: [DONE]\n\n"]:
            writer.write(chunked(event))
        writer.write(b"0\r\n\r\n")

    return script


@pytest.mark.parametrize("sequences", [1, 2])
async def test_the_scheduler_is_told_how_far_a_stream_has_come(sequences: int) -> None:
    async with scripted(streaming(100)) as worker, fleet_of(worker.url) as wing:
        forwarding = relay(wing.fleet, stream=True, n=sequences)
        waiting = job("1", model="emulated", tokens=400, sequences=sequences)
        async with wing.dispatcher.slot(waiting) as slot:
            dispatch = await slot.wait()
            assert await forwarding.forward(slot, dispatch.worker_id, None) == 200
            # The last report is at most 16 tokens of each sequence ago.
            assert 100 / sequences - 16 <= waiting.attained <= 100 / sequences
            assert wing.scheduler.workers[worker.url].work < 400 * sequences


async def test_the_scheduler_is_told_which_choices_of_a_stream_have_ended() -> None:
    ended = b'data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}\n\n'
    async with scripted(streaming(40, ended)) as worker, fleet_of(worker.url) as wing:
        forwarding = relay(wing.fleet, stream=True, n=3)
        waiting = job("1", model="emulated", tokens=400, sequences=3)
        async with wing.dispatcher.slot(waiting) as slot:
            await forwarding.forward(slot, (await slot.wait()).worker_id, None)
            assert waiting.running == wing.scheduler.workers[worker.url].sequences == 2


async def test_streams_with_much_to_read_at_once_take_turns() -> None:
    rounds, taken = 0, Counter[int]()

    async def send(message: dict[str, Any]) -> None:
        taken[rounds] += len(message.get("body", b""))

    async def count() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    async def much(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(CHUNK * 4000 + LAST) + b"0\r\n\r\n")

    async with scripted(much) as worker, fleet_of(worker.url) as wing:
        counting = asyncio.create_task(count())
        relays = [relay(wing.fleet, stream=True) for _ in range(8)]
        for one in relays:
            one.reply.send = send
        await asyncio.gather(*(one.forward(None, worker.url, None) for one in relays))
        counting.cancel()
    assert taken.total() == 8 * len(CHUNK * 4000 + LAST)
    assert max(taken.values()) < 4 * PIECE_BYTES


async def test_a_stream_without_usage_is_counted_by_its_events() -> None:
    async with scripted(streaming(7)) as worker, fleet_of(worker.url) as wing:
        forwarding = relay(wing.fleet, stream=True)
        async with wing.dispatcher.slot(job("1", model="emulated")) as slot:
            await forwarding.forward(slot, (await slot.wait()).worker_id, None)
        assert (forwarding.usage.output_tokens, forwarding.output_tokens) == (7, 7)
        assert forwarding.record.first_token is not None
        assert forwarding.record.last_token is not None


async def test_a_streams_usage_is_the_workers_count() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n\n'
    async with scripted(streaming(7, usage)) as worker, fleet_of(worker.url) as wing:
        forwarding = relay(wing.fleet, stream=True)
        async with wing.dispatcher.slot(job("1", model="emulated")) as slot:
            await forwarding.forward(slot, (await slot.wait()).worker_id, None)
        assert (forwarding.usage.prompt_tokens, forwarding.output_tokens) == (3, 9)
        assert forwarding.tokens == 7


async def test_the_priority_and_the_workers_key_go_with_the_request() -> None:
    bodies: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readuntil(b"}"))
        writer.write(answer(b'{"usage": {"completion_tokens": 5}}'))

    async with scripted(read) as worker, fleet_of(worker.url) as wing:
        forwarding = relay(wing.fleet)
        async with wing.dispatcher.slot(job("1", model="emulated")) as slot:
            await forwarding.forward(slot, (await slot.wait()).worker_id, 17)
        assert json.loads(bodies[0]) == {"model": "emulated", "priority": 17}
        assert forwarding.output_tokens == 5


async def test_a_request_on_a_worker_that_hangs_fails_once_the_worker_is_down() -> None:
    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with (
        scripted(hang) as worker,
        fleet_of(worker.url) as wing,
        wing.dispatcher.slot(job("1", model="emulated")) as slot,
    ):
        dispatch = await slot.wait()
        sending = asyncio.create_task(relay(wing.fleet).forward(slot, dispatch.worker_id, None))
        await until(lambda: worker.served == 1, "the request is there")
        worker.healthy = False
        await wing.fleet.probe()
        async with asyncio.timeout(1):
            with pytest.raises(WorkerFailed):
                await sending
