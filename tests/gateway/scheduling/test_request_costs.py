"""What a request costs its worker beside its tokens."""

from __future__ import annotations

import pytest

from gateway.scheduling.request_costs import LEAST, MOST, RequestCosts
from tests.scheduler.builders import job

TOKEN_S = 0.01
LENGTHS = (5, 20, 80, 300, 10, 40, 150, 600)


def _one_by_one(costs: RequestCosts, own_s: float, answers: int = 2 * LEAST) -> None:
    """Answers of one place, each of which takes ``own_s`` beside its tokens."""
    now = 0.0
    for number in range(answers):
        one, tokens = job(str(number)), LENGTHS[number % len(LENGTHS)]
        costs.started(one, now)
        now += own_s + TOKEN_S * tokens
        costs.ended(one, tokens, now)


@pytest.mark.parametrize("own_tokens", [0.0, 50.0])
def test_the_own_time_of_requests_is_told_from_that_of_their_tokens(own_tokens: float) -> None:
    costs = RequestCosts()
    _one_by_one(costs, own_tokens * TOKEN_S)
    assert costs.tokens("m") == pytest.approx(own_tokens, abs=1.0)
    assert costs.tokens("other") == 0.0


def test_starts_that_hold_up_others_cost_as_much_for_each_of_them() -> None:
    costs, now = RequestCosts(), 0.0
    running = {f"first-{place}": [40 * (place + 1), 0] for place in range(4)}
    for name in running:
        costs.started(job(name), now)
    for number in range(200):
        name = min(running, key=lambda one: running[one][0])  # the one with the fewest tokens left
        left, done = running.pop(name)
        now += TOKEN_S * left
        costs.ended(job(name), done + left, now)
        for other in running.values():
            other[0] -= left
            other[1] += left
        costs.started(job(str(number)), now)
        running[str(number)] = [LENGTHS[number % len(LENGTHS)] + number % 7, 0]
        now += 0.1  # the new one's prefill: nobody gets a token meanwhile
    assert costs.tokens("m") == pytest.approx(4 * 0.1 / TOKEN_S, rel=0.25)


def test_nothing_is_said_before_there_are_answers_nor_of_incomplete_ones() -> None:
    costs = RequestCosts()
    _one_by_one(costs, 1.0, LEAST - 1)
    for number in range(LEAST):
        costs.started(job(f"cut-{number}"), 0.0)
        costs.ended(job(f"cut-{number}"), None, 9.0)
    assert costs.tokens("m") == 0.0


def test_a_cost_is_bounded() -> None:
    costs = RequestCosts()
    _one_by_one(costs, 1000.0)
    assert costs.tokens("m") == MOST
