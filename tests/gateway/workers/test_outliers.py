"""Workers that do much worse than the others: seen, left alone, tried gently, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from itertools import count

import aiohttp
import pytest

from gateway.config.workers import WorkerConfig
from gateway.workers import attempts as attempts_module
from gateway.workers.attempts import Attempt, Work
from gateway.workers.backend import Backend
from gateway.workers.member import Member
from gateway.workers.outliers import (
    EVIDENCE,
    MOST_PROOF_S,
    SILENCE_S,
    Outliers,
    Verdict,
    judged,
)
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.requests.answers import DONE, STOP, ask, streams, whole
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, answer, chunked, scripted

SHORT = Work.of(100, 50, 1000)
MANY = {"max_num_seqs": 16}


class Bench:
    """Members without a server, and a clock that the test moves."""

    def __init__(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.stack = stack
        monkeypatch.setattr(attempts_module, "monotonic", lambda: self.now)
        self.ports = count(1)

    def member(self, speed: float = 1.0) -> Member:
        """A healthy worker."""
        url = f"http://127.0.0.1:{next(self.ports)}"
        config = WorkerConfig.model_validate({"url": url, "speed": speed})
        return Member(Backend(config), healthy=True)

    def send(self, member: Member, *, streams: bool = False) -> Attempt:
        """A request that stays at the member."""
        made = member.attempts.attempt(SHORT, streams=streams, movable=lambda: True)
        return self.stack.enter_context(made)

    def answered(self, member: Member, seconds: float, times: int = EVIDENCE) -> None:
        """Answers that take so long."""
        for _ in range(times):
            with member.attempts.attempt(SHORT, streams=False, movable=lambda: True) as attempt:
                self.now += seconds
                member.attempts.ended(attempt, 50)
                member.attempts.result(attempt.begun, good=True)

    def verdict(self, member: Member, *others: Member) -> Verdict | None:
        """What is wrong with a member now."""
        theirs = [other.attempts.figures(self.now) for other in others]
        return judged(member, member.attempts.figures(self.now), theirs, self.now)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack, monkeypatch)


async def test_a_worker_that_is_silent_while_others_answer_hangs(bench: Bench) -> None:
    bad, good = bench.member(), bench.member()
    bench.answered(good, 0.1)
    bench.send(bad)
    bench.send(bad)
    bench.answered(good, 0.1)
    assert bench.verdict(bad, good) is None, "too early"
    bench.now += SILENCE_S
    verdict = bench.verdict(bad, good)
    assert verdict is not None
    assert (verdict.kind, len(verdict.overdue)) == ("hangs", 2)


async def test_one_request_alone_takes_longer_to_prove_that_a_worker_hangs(bench: Bench) -> None:
    bad, good = bench.member(), bench.member()
    bench.send(bad)
    bench.answered(good, 0.1)
    bench.now += SILENCE_S
    assert bench.verdict(bad, good) is None
    bench.now += SILENCE_S
    assert bench.verdict(bad, good) is not None


async def test_where_nobody_answers_later_requests_nobody_hangs(bench: Bench) -> None:
    one, two = bench.member(), bench.member()
    bench.answered(one, 0.1)
    bench.answered(two, 0.1)
    for member in (one, two):
        bench.send(member)
        bench.send(member)
    bench.now += 5 * SILENCE_S
    assert bench.verdict(one, two) is None
    assert bench.verdict(two, one) is None


async def test_long_answers_have_as_long_as_their_forecast_takes_elsewhere(bench: Bench) -> None:
    busy, other = bench.member(), bench.member()
    bench.answered(other, 10.0)
    bench.send(busy)
    bench.send(busy)
    bench.answered(other, 10.0, times=2)
    assert bench.verdict(busy, other) is None


async def test_an_engine_that_generates_may_be_at_the_longest_answers(bench: Bench) -> None:
    """The forecast is too short for one of twenty, and a whole answer shows nothing before."""
    busy, other = bench.member(), bench.member()
    bench.answered(other, 1.0)
    for _ in range(2):
        bench.send(busy)
    bench.now += 10.0
    bench.answered(other, 1.0)
    assert bench.verdict(busy, other) is not None, "4 times the forecast's longest"
    busy.scraped = busy.backend.exchanges.grew = bench.now - 3.0
    assert bench.verdict(busy, other) is None
    busy.scraped += 1.0
    assert bench.verdict(busy, other) is not None, "its next reading shows no growth"
    busy.backend.exchanges.grew = busy.scraped
    busy.failures = 1
    assert bench.verdict(busy, other) is not None, "it does not answer its probes"
    busy.failures = 0
    bench.now += 100.0
    bench.answered(other, 1.0)
    assert bench.verdict(busy, other) is not None, "4 times the longest that may be"


async def test_a_worker_whose_streams_flow_does_not_hang(bench: Bench) -> None:
    busy, other = bench.member(), bench.member()
    flowing = bench.send(busy, streams=True)
    bench.send(busy, streams=True)
    bench.send(busy, streams=True)
    bench.answered(other, 0.1)
    bench.now += SILENCE_S
    busy.attempts.saw(flowing)
    assert bench.verdict(busy, other) is None


async def test_streams_that_stop_after_their_first_token_are_a_hang(bench: Bench) -> None:
    bad, good = bench.member(), bench.member()
    for _ in range(2):
        bad.attempts.saw(bench.send(bad, streams=True))
    bench.now += SILENCE_S / 2
    bench.answered(good, 0.1)
    bench.now += SILENCE_S
    verdict = bench.verdict(bad, good)
    assert verdict is not None
    assert verdict.kind == "hangs"


async def test_a_worker_is_slow_by_several_times_only_and_by_its_configured_speed(
    bench: Bench,
) -> None:
    slow, half, good = bench.member(), bench.member(), bench.member()
    bench.answered(good, 0.1)
    bench.answered(half, 0.2)
    bench.answered(slow, 1.5)
    verdict = bench.verdict(slow, good, half)
    assert verdict is not None
    assert verdict.kind == "is slow"
    assert bench.verdict(half, good, slow) is None
    assert bench.verdict(good, half, slow) is None


async def test_a_worker_fails_where_it_fails_more_than_others(bench: Bench) -> None:
    bad, good = bench.member(), bench.member()
    bench.answered(bad, 0.1, times=2 * EVIDENCE)
    bench.answered(good, 0.1, times=2 * EVIDENCE)
    for _ in range(EVIDENCE - 1):
        bad.attempts.result(bench.now, good=False)
    assert bench.verdict(bad, good) is None, "too few"
    bad.attempts.result(bench.now, good=False)
    verdict = bench.verdict(bad, good)
    assert verdict is not None
    assert verdict.kind == "fails"
    for _ in range(EVIDENCE):
        good.attempts.result(bench.now, good=False)
    assert bench.verdict(bad, good) is None, "the requests break every worker"


async def test_a_worker_is_not_left_alone_twice_for_the_same_failures(bench: Bench) -> None:
    mended, good = bench.member(), bench.member()
    bench.answered(good, 0.1)
    for _ in range(EVIDENCE):
        mended.attempts.result(bench.now, good=False)
    mended.cooldown.refused(bench.now)
    assert bench.verdict(mended, good) is not None, "failures that have begun the cooldown"
    bench.now = mended.cooldown.until
    assert bench.verdict(mended, good) is None
    mended.attempts.result(bench.now, good=False)
    assert bench.verdict(mended, good) is not None, "it fails still"


async def test_a_worker_that_fails_seldom_has_to_answer_more_on_trial(bench: Bench) -> None:
    for failures, answers, proof in ((5, 15, 8), (5, 5, 4), (9, 0, 2)):
        bad, good = bench.member(), bench.member()
        bench.answered(bad, 0.1, times=answers)
        bench.answered(good, 0.1)
        for _ in range(failures):
            bad.attempts.result(bench.now, good=False)
        verdict = bench.verdict(bad, good)
        assert verdict is not None
        assert verdict.proof == proof


async def _good(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(ANSWER))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judgements within a fraction of a second."""
    monkeypatch.setattr("gateway.workers.outliers.SILENCE_S", 0.3)
    monkeypatch.setattr("gateway.workers.outliers.TICK_S", 0.02)
    monkeypatch.setattr("gateway.workers.cooldown.FIRST_EJECTION_S", 0.2)


@pytest.mark.usefixtures("hasty")
async def test_requests_that_hang_are_answered_by_another_worker_and_the_mended_one_comes_back(
    session: aiohttp.ClientSession,
) -> None:
    mended = asyncio.Event()

    async def hangs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mended.wait()
        writer.write(answer(ANSWER))

    async with (
        scripted(hangs) as bad,
        scripted(_good) as good,
        gateway(bad.url, good.url, worker=MANY) as running,
    ):
        member = running.app.state.fleet[bad.url]
        stop = False

        async def ask() -> None:
            while not stop:
                assert (await post(session, running.url, chat()))[0] == 200

        clients = [asyncio.create_task(ask()) for _ in range(4)]
        await until(lambda: member.cooldown.ejections > 1, "a trial has failed")
        async with session.get(running.url + "/ready") as response:
            first, second = (await response.json())["workers"]
        assert first["ejected"].startswith("hangs")
        assert second["ejected"] is None
        assert bad.served <= 16
        mended.set()
        await until(lambda: not member.cooldown.why, "the worker is back")
        stop = True
        await asyncio.gather(*clients)
        assert running.metric("worker_ejections_total", worker=bad.url, reason="hangs") > 1
        assert running.metric("worker_ejections_total", worker=good.url) == 0


@pytest.mark.usefixtures("hasty")
async def test_a_stream_that_hangs_before_its_first_token_is_moved(
    session: aiohttp.ClientSession,
) -> None:
    end = chunked(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')

    async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass

    async def streams(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            STREAM_HEAD + chunked(CHUNK) + end + chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        )

    async with (
        scripted(hangs) as bad,
        scripted(streams) as good,
        gateway(bad.url, good.url, worker=MANY) as running,
    ):

        async def ask() -> bytes:
            url = running.url + "/v1/chat/completions"
            limit = aiohttp.ClientTimeout(total=20)
            async with session.post(url, json=chat(stream=True), timeout=limit) as response:
                return await response.read()

        for _ in range(3):
            assert all(
                b"[DONE]" in body for body in await asyncio.gather(*(ask() for _ in range(6)))
            )
        assert 0 < bad.served < 9
        assert running.metric("requests_total", outcome="ok") == 18


@pytest.mark.usefixtures("hasty")
async def test_a_trial_is_one_request_also_while_the_worker_is_read(
    session: aiohttp.ClientSession,
) -> None:
    released = asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(answer(ANSWER))

    async with scripted(slow) as worker, gateway(worker.url, worker=MANY) as running:
        member = running.app.state.fleet[worker.url]
        running.app.state.fleet.health.cooling.ejected(member, "is slow")
        await until(lambda: member.on_trial, "the trial begins")
        clients = [asyncio.create_task(post(session, running.url, chat())) for _ in range(5)]
        await until(lambda: worker.served == 1, "the request of the trial is there")
        for _ in range(3):
            running.app.state.fleet.health.update_scheduler(member)
        await until(lambda: running.scheduler.waiting == 4, "the others wait")
        assert running.in_flight == 1
        released.set()
        await asyncio.gather(*clients)


@pytest.mark.usefixtures("hasty")
async def test_a_trial_ends_after_so_many_answers(session: aiohttp.ClientSession) -> None:
    async with scripted(_good) as worker, gateway(worker.url, worker=MANY) as running:
        member = running.app.state.fleet[worker.url]
        outliers = Outliers(running.app.state.fleet, running.app.state.metrics, lambda: True)
        running.app.state.fleet.health.cooling.ejected(member, "fails", 3)
        await until(lambda: member.on_trial, "the trial begins")
        for answers in range(3):
            outliers._pass(member, member.cooldown.until + 1.0)
            assert member.on_trial, f"after {answers} answers"
            await post(session, running.url, chat())
        outliers._pass(member, member.cooldown.until + 1.0)
        assert not member.on_trial
        running.app.state.fleet.health.cooling.ejected(member, "fails", 3)
        await until(lambda: member.on_trial, "the trial begins")
        await post(session, running.url, chat())
        outliers._pass(member, member.cooldown.until + MOST_PROOF_S)
        assert not member.on_trial, "answers are long"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("stream", [True, False])
async def test_comments_are_no_sign_of_life(session: aiohttp.ClientSession, stream: bool) -> None:
    async def comments(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while not writer.is_closing():
            writer.write(chunked(b": still here\n\n"))
            await writer.drain()
            await asyncio.sleep(0.05)

    async def sound(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        events = (CHUNK, STOP, DONE)
        await (streams(*events) if stream else whole(ANSWER))(_, writer)

    async with (
        scripted(comments) as bad,
        scripted(sound) as good,
        gateway(bad.url, good.url, worker=MANY) as running,
    ):
        member = running.app.state.fleet[bad.url]

        async def ask_on() -> None:
            while not member.cooldown.ejections:
                _, body = await ask(session, running, stream=stream, max_tokens=2)
                assert b'"stop"' in body
                assert b"error" not in body

        async with asyncio.timeout(10):
            await asyncio.gather(*(ask_on() for _ in range(6)))
