"""Each promise of a chaos run is found to be broken by accounts in which it is."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.clients import Seen
from tests.chaos.faulty_proxy import Attempt, Ending
from tests.chaos.ledger import HUNG_UP, Ledger
from tests.chaos.processes import Usage
from tests.chaos.promises import Accounts
from tests.chaos.run import LAST_REQUESTS, Result
from tests.chaos.watch import Scrape

Change = Callable[[Result], Result]


def scraped(refusals: int = 1, tokens: int = 7, **outcomes: int) -> Scrape:
    """Metrics in which the completions ended with these outcomes."""
    counted = tuple(
        ("lengthwise_requests_total", {"endpoint": "completions", "outcome": outcome}, float(count))
        for outcome, count in outcomes.items()
    )
    return Scrape(
        (
            *counted,
            ("lengthwise_worker_refusals_total", {}, float(refusals)),
            ("lengthwise_generation_tokens_total", {}, float(tokens)),
        )
    )


def sound() -> Result:
    """A small run in which all is well: an answer after a refusal, a hang-up, a full queue."""
    ledger = Ledger()
    for outcome in ("ok", HUNG_UP, "queue_full"):
        ledger.add("completions", outcome)
    return Result(
        seconds=100.0,
        planned=[],
        ledger=ledger,
        seen={
            "chaos-1": Seen(frozenset({"ok"}), 7),
            "chaos-2": Seen(frozenset({HUNG_UP})),
            "chaos-3": Seen(frozenset({"queue_full"})),
        },
        attempts=[
            Attempt("chaos-1", Ending.REFUSED, 503),
            Attempt("chaos-1", Ending.WHOLE, 200),
            Attempt("chaos-2", Ending.LEFT),
        ],
        usage=Usage([(float(second), 200.0, 20) for second in range(100)]),
        delays=[0.001],
        unanswered=0,
        scrape=scraped(ok=1, client_gone=1, queue_full=1),
        busy={},
        recovered_s=1.0,
        ready={"workers": []},
        last_ok=LAST_REQUESTS,
        exit_code=0,
        log="INFO all is well",
        cpu_s=1.0,
        sent=3,
    )


def broken(result: Result) -> list[str]:
    return Accounts.of(result).broken()


def with_attempts(*attempts: Attempt) -> Change:
    return lambda result: replace(result, attempts=[*result.attempts, *attempts])


def with_usage(*, mib: float = 0.0, descriptors: float = 0.0) -> Change:
    """Memory and descriptors that grow by so much in a second."""
    samples = [
        (float(second), 200.0 + mib * second, round(20 + descriptors * second))
        for second in range(100)
    ]
    return lambda result: replace(result, usage=Usage(samples))


def lost(result: Result) -> Result:
    result.ledger.lose("completions", "cut")
    return result


BROKEN: dict[str, tuple[Change, str]] = {
    "lost": (lost, "have no end"),
    "bug": (lambda run: replace(run, log="Traceback (most recent call last)"), "trace"),
    "exit": (lambda run: replace(run, exit_code=1), "ended with 1"),
    "internal error": (
        lambda run: replace(
            run, scrape=scraped(ok=1, client_gone=1, queue_full=1, internal_error=1)
        ),
        "counts 1 internal_error",
    ),
    "count": (
        lambda run: replace(run, scrape=scraped(ok=1, queue_full=1)),
        "1 clients hung up, and the gateway counts 0",
    ),
    "refusals": (
        lambda run: replace(run, scrape=scraped(refusals=0, ok=1, client_gone=1, queue_full=1)),
        "workers refused 1 to 1 requests, the gateway counts 0",
    ),
    "tokens": (
        lambda run: replace(run, scrape=scraped(tokens=8, ok=1, client_gone=1, queue_full=1)),
        "clients got 7 to 7 tokens, the gateway counts 8",
    ),
    "retries": (
        with_attempts(*[Attempt("chaos-2", Ending.LEFT)] * 3),
        "sent more often than retries allow",
    ),
    "twice": (with_attempts(Attempt("chaos-1", Ending.WHOLE, 200)), "by several workers"),
    "in spite of the queue": (
        with_attempts(Attempt("chaos-3", Ending.LEFT)),
        "refused requests reached a worker",
    ),
    "stranger": (with_attempts(Attempt("", Ending.LEFT)), "no client's"),
    "open": (with_attempts(Attempt("chaos-2")), "still open at the workers"),
    "slots": (lambda run: replace(run, busy={"queue_length": 1.0}), "still has"),
    "down": (lambda run: replace(run, recovered_s=None), "not all workers serve"),
    "unanswered": (lambda run: replace(run, last_ok=LAST_REQUESTS - 1), "1 of"),
    "memory": (with_usage(mib=0.5), "memory grew"),
    "descriptors": (with_usage(descriptors=1), "descriptors grew"),
    "left open": (with_usage(descriptors=0.2), "still open after"),
    "deaf": (lambda run: replace(run, unanswered=1), "/health"),
}


def test_sound_accounts_break_no_promise() -> None:
    assert broken(sound()) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_told(name: str) -> None:
    change, words = BROKEN[name]
    assert any(words in line for line in broken(change(sound())))


def test_an_answer_in_vain_is_explained_by_the_log() -> None:
    again = with_attempts(Attempt("chaos-1", Ending.WHOLE, 200))(sound())
    log = "WARNING worker http://w failed request chaos-1: the connection broke"
    assert not any("several workers" in line for line in broken(replace(again, log=log)))
