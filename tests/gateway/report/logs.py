"""Served logs of simulated traffic: what came, came from the simulator under a known policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from predictor.raw_forecast import QUANTILES
from predictor.served_log import ServedLog, ServedRecord
from tests.gateway.replay.traffic import Traffic

BEGUN = 1.7e9
"""When the first request of a log may come, in Unix seconds: 2023-11-14 22:13:20 UTC."""

WORKER = "http://gpu-1:8000"


def records(traffic: Traffic, *, slower: float = 1.0, **fields: Any) -> Iterator[ServedRecord]:
    """A record of each request, in the order in which they ended.

    Times after the dispatch are ``slower`` times as long as they were. ``fields`` are of all.
    """
    pairs = zip(traffic.requests, traffic.outcome.records, strict=True)
    for request, record in sorted(pairs, key=lambda pair: pair[1].finished or 0.0):
        arrival = BEGUN + record.arrival
        times = (record.dispatched, record.first_token, record.finished)
        moments = [arrival + slower * ((time or 0.0) - record.arrival) for time in times]
        given: dict[str, Any] = {
            "id": f"r{request.number}",
            "arrival": arrival,
            "dispatched": moments[0],
            "first_token": moments[1],
            "last_token": moments[2],
            "finished": moments[2],
            "model": "m",
            "endpoint": "/v1/chat/completions",
            "worker": WORKER,
            "key": ("alice", "bob", "nightly")[request.number % 3],
            "prompt_tokens": request.prompt_tokens,
            "output_tokens": request.output_tokens,
            "finish_reason": "stop",
            "censored": False,
            "tier": "fast",
            "predicted_mean": request.length.mean,
            "predicted_quantiles": tuple(request.length.quantile(level) for level in QUANTILES),
            "mode": "plain" if request.number % 4 else "thinking high",
            "script": "latin",
            "tools": 0,
            "json": False,
            "turns": 1,
            "streamed": True,
            "images": 0,
        }
        yield ServedRecord(**(given | fields))


def written(folder: Path, *parts: Iterator[ServedRecord]) -> Path:
    """The folder, with a log of these records."""
    log = ServedLog(folder, max_waiting=10**6)
    for part in parts:
        for record in part:
            log.append(record)
    log.close()
    return folder
