"""Drawing requests: repeatable by seed, each once before any twice, or in the recorded order."""

from __future__ import annotations

from random import Random

from gateway.simulate.inputs.source import RequestSource, start_index
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request


def request(index: int, rng: Random) -> Request:
    """A request whose prompt size names its index and whose length is random."""
    return Request(index, rng.randrange(10**6), LengthDistribution.point(1))


SOURCE = RequestSource("nine requests", 9, request)


def indices(requests: list[Request]) -> list[int]:
    return [one.prompt_tokens for one in requests]


def test_a_seed_repeats_its_requests_and_another_seed_draws_other_requests() -> None:
    assert SOURCE.draw(9, 1) == SOURCE.draw(9, 1)
    assert SOURCE.draw(9, 1) != SOURCE.draw(9, 2)


def test_no_request_comes_twice_before_every_request_has_come_once() -> None:
    drawn = indices(SOURCE.draw(27, 1))
    for begin in (0, 9, 18):
        assert sorted(drawn[begin : begin + 9]) == list(range(9))


def test_seed_0_replays_the_recorded_order_from_its_first_request() -> None:
    assert indices(SOURCE.draw(11, 0, in_order=True)) == [*range(9), 0, 1]


def test_another_seed_replays_the_recorded_order_from_elsewhere() -> None:
    first = start_index(9, 1)
    assert first != 0
    replayed = indices(SOURCE.draw(9, 1, in_order=True))
    assert replayed == [(first + offset) % 9 for offset in range(9)]
