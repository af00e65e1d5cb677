"""What the scheduler's process refuses, and that it goes on for the others."""

from __future__ import annotations

import asyncio
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from grpclib.client import Channel, StreamStreamMethod
from grpclib.const import Cardinality, Handler
from grpclib.server import Server

from gateway.remote_scheduler import service as service_module
from gateway.remote_scheduler.encoding import encode, from_scheduler
from gateway.remote_scheduler.front_messages import (
    Adopt,
    Hello,
    ObserveKv,
    Requeue,
    Resubmitted,
    Settings,
    Submit,
)
from gateway.remote_scheduler.policies import policy_state
from gateway.remote_scheduler.scheduler_messages import Refused, Rejected
from gateway.remote_scheduler.service import Bytes
from gateway.remote_scheduler.states import (
    ATTACH,
    MOST_BYTES,
    MOST_BYTES_DOWN,
    MOST_HELLO_BYTES,
    VERSION,
    JobState,
    PolicyState,
)
from gateway.remote_scheduler.wire import job_state
from scheduler.policy import LevelledOutput, fcfs
from tests.gateway.harness import until
from tests.gateway.remote_scheduler.processes import (
    front_at,
    remote_of,
    served,
    short_folder,
    there,
)
from tests.scheduler.builders import job, spec

TOKEN = "secret of this test"


async def answer(path: Path, *messages: bytes, head: bytes = b"") -> str:
    """Why a peer that sends these messages, and the head of another one, is refused."""
    channel = Channel(path=str(path), codec=Bytes())
    method = StreamStreamMethod[bytes, bytes](channel, ATTACH, bytes, bytes)
    try:
        async with asyncio.timeout(10), method.open() as stream:
            for message in messages:
                await stream.send_message(message)
            if head:
                if not messages:
                    await stream.send_request()
                await stream._stream.send_data(head)
            while (data := await stream.recv_message()) is not None:
                for entry in from_scheduler(data):
                    if isinstance(entry, Refused):
                        await stream.cancel()
                        return entry.why
            await stream.cancel()
    finally:
        channel.close()
    return ""


def hello(**changed: Any) -> Hello:
    """A hello as of a front of this version."""
    fields: dict[str, Any] = {"version": VERSION, "front": "odd", "token": "", "now": 0.0}
    return Hello(**(fields | {"seen": 0} | changed))


def said(*entries: Any) -> bytes:
    """A message of a front that has said hello."""
    return encode([hello(), *entries])


JOB = job_state(job("1"))


def changed_job(**fields: Any) -> JobState:
    """A job with other fields, which nothing has checked."""
    state = job_state(job("1"))
    for name, value in fields.items():
        setattr(state, name, value)
    return state


def settings(policy: PolicyState, stamp: float = 1.0) -> Settings:
    """Settings with a policy."""
    return Settings(stamp, policy, 10, None, math.inf, 0.0, 10.0)


REFUSED = {
    "another version": (encode([hello(version=VERSION + 1)]), "speaks version 2"),
    "a newer scheduler": (encode([hello(seen=8)]), "started later"),
    "a clock that is none": (encode([hello(now=math.nan)]), "which is none"),
    "no hello": (encode([Resubmitted()]), "no hello"),
    "nothing": (b"", "no hello"),
    "another protocol": (b"GET / HTTP/1.1\r\n\r\n", "no message of version 1"),
    "an unknown entry": (encode([["pickle", "cos\nsystem"]]), "no message of version 1"),
    "a second hello": (said(hello()), "out of turn"),
    "a length that is none": (said(Submit(1, changed_job(mass=[0.5]))), "probabilities"),
    "a time that is none": (said(Submit(1, changed_job(arrival=math.nan))), "has the times"),
    "no sequences": (said(Submit(1, changed_job(sequences=0))), "no message of version 1"),
    "sequences without end": (said(Submit(1, changed_job(sequences=2**31))), "no message of"),
    "a length without end": (said(Submit(1, changed_job(tokens=[1e308]))), "the most is"),
    "a prompt without end": (said(Submit(1, changed_job(prompt_tokens=2**53))), "prompt tokens"),
    "a share of nothing": (said(Submit(1, changed_job(share=1e-300))), "the share"),
    "a number twice": (said(Resubmitted(), Submit(1, JOB), Submit(1, JOB)), "is here already"),
    "an unknown worker": (said(Adopt(1, JOB, "nowhere", 0.0)), "which nobody has"),
    "a job that does not run": (said(Requeue(1, [])), "does not run"),
    "a report of nothing": (said(ObserveKv("w", math.inf, 0.0, True)), "no number"),
    "an unknown policy": (said(settings(PolicyState("system"))), "no policy is named"),
    "policies without end": (
        said(settings(PolicyState("Aged", [1.0], PolicyState("Aged", [1.0])))),
        "odd",
    ),
    "a policy of odd numbers": (said(settings(policy_state(LevelledOutput(-1.0)))), "odd"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_front_that_says_what_it_must_not_is_refused_alone(what: str) -> None:
    message, why = REFUSED[what]
    with short_folder() as folder:
        async with served(folder / "s") as core, front_at(folder / "s", "sound") as front:
            core.expected = 1
            remote_of(front).set_worker(spec("w"))
            await there(front)
            assert why in await answer(folder / "s", message)
            async with front.dispatcher.slot(job("2")) as slot, asyncio.timeout(5):
                assert (await slot.wait()).worker_id == "w"
            assert [one.name for one in core.sessions.values()] == ["sound"]


HEADS = {
    "too large before the hello": ([], False, MOST_HELLO_BYTES + 1, f"most is {MOST_HELLO_BYTES}"),
    "too large": ([encode([hello()])], False, MOST_BYTES + 1, f"the most is {MOST_BYTES}"),
    "compressed": ([], True, 10, "is compressed"),
}


@pytest.mark.parametrize("what", HEADS)
async def test_a_message_is_refused_by_its_head_alone(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, compressed, size, why = HEADS[what]
    with short_folder() as folder:
        async with served(folder / "s"):
            head = struct.pack(">?I", compressed, size)
            assert why in await answer(folder / "s", *before, head=head)
            assert why in caplog.text


async def test_large_entries_for_a_front_go_in_several_messages() -> None:
    with short_folder() as folder:
        async with served(folder / "s") as core, front_at(folder / "s") as front:
            remote_of(front).set_worker(spec("w"))
            await there(front)
            (session,) = core.sessions.values()
            session.out += [Rejected(99, "x" * (MOST_BYTES_DOWN // 3), 1.0, 0.0)] * 4
            async with front.dispatcher.slot(job("1")) as slot, asyncio.timeout(10):
                assert (await slot.wait()).worker_id == "w"
            assert front.connection is not None
            assert front.connection.reconnects == 0


async def test_a_front_hears_of_a_later_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "GRACE_S", 60.0)
    with short_folder() as folder:
        async with served(folder / "s") as core, front_at(folder / "s") as front:
            await there(front)
            assert front.connection is not None
            assert front.connection.epoch == core.epoch == 7
            other = asyncio.create_task(answer(folder / "s", encode([hello(seen=1000)])))
            await until(lambda: front.connection.epoch == 1001, "it is told")  # type: ignore[union-attr]
            assert core.epoch == 1001
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)


class _Compresses:
    """A scheduler behind something that compresses."""

    async def attach(self, stream: Any) -> None:
        """Answer the hello."""
        await stream.recv_message()
        await stream.send_initial_metadata()
        await stream._stream.send_data(struct.pack(">?I", True, 1) + b"x")

    def __mapping__(self) -> dict[str, Handler]:
        """The service for a gRPC server."""
        return {ATTACH: Handler(self.attach, Cardinality.STREAM_STREAM, bytes, bytes)}


async def test_a_compressed_answer_is_told_and_another_one_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with short_folder() as folder:
        server = Server([_Compresses()], codec=Bytes())
        await server.start(path=str(folder / "s"))
        async with front_at(folder / "s") as front:
            await until(lambda: "Compression not implemented" in caplog.text, "it is told")
            server.close()
            await server.wait_closed()
            (folder / "s").unlink(missing_ok=True)
            async with served(folder / "s"):
                await there(front)


async def test_a_front_needs_the_token() -> None:
    with short_folder() as folder:
        async with served(folder / "s", TOKEN), front_at(folder / "s", "f", TOKEN) as front:
            await there(front)
            assert "another token" in await answer(folder / "s", encode([hello(token="x")]))


async def test_a_front_that_says_nothing_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "SILENT_S", 0.3)
    with short_folder() as folder:
        async with served(folder / "s") as core:
            assert "nothing has been heard" in await answer(folder / "s", said())
            await until(lambda: not core.sessions, "it is gone")


async def test_a_front_of_the_same_name_takes_the_place_of_one() -> None:
    with short_folder() as folder:
        async with served(folder / "s") as core, front_at(folder / "s", "odd") as front:
            await there(front)
            (old,) = core.sessions.values()
            await asyncio.wait_for(answer(folder / "s", encode([hello()]), b"\xc1"), 10)
            assert old.number not in core.sessions


def test_settings_need_a_policy_with_a_name() -> None:
    assert policy_state(fcfs).name == "fcfs"
    with pytest.raises(ValueError, match="has no name"):
        policy_state(lambda one: one.arrival)
