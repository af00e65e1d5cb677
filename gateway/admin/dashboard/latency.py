"""Latencies of the last answers by length class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.requests.recent import Answer
from scheduler.waiting_counts import LENGTHS, length_class


def by_length(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """For each class of the answers' own lengths: their number and latencies in seconds."""
    classes: list[list[Answer]] = [[] for _ in range(len(LENGTHS) + 1)]
    for answer in answers:
        classes[length_class(answer.tokens)].append(answer)
    return [_measured(of_class) for of_class in classes]


def _measured(answers: Sequence[Answer]) -> dict[str, Any]:
    per_token = [answer.e2e / answer.tokens for answer in answers]
    return {
        "answers": len(answers),
        "wait": _middle_and_high(one.queue_wait for one in answers),
        "ttft": _middle_and_high(one.ttft for one in answers),
        "e2e": _middle_and_high(one.e2e for one in answers),
        "per_token": round(sum(per_token) / len(per_token), 5) if per_token else None,
    }


def _middle_and_high(seconds: Iterable[float | None]) -> list[float] | None:
    """Median and 95th percentile; None without a value."""
    known = sorted(one for one in seconds if one is not None)
    if not known:
        return None
    return [round(known[int(level * (len(known) - 1) + 0.5)], 4) for level in (0.5, 0.95)]
