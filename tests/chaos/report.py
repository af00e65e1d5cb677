"""The figures of a run, as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from statistics import quantiles
from typing import Any

from tests.chaos.faulty_proxy import Ending
from tests.chaos.promises import Accounts
from tests.chaos.watch import growth


def figures(accounts: Accounts, seed: int) -> dict[str, Any]:
    """Every figure of a run."""
    result = accounts.result
    samples = result.usage.samples
    delays = quantiles(result.delays, n=1000)
    requests = result.ledger.total
    least, most = accounts.token_bounds()
    return {
        "seed": seed,
        "seconds": result.seconds,
        "clients": result.sent,
        "requests": requests,
        "faults": dict(Counter(one.fault.value for one in result.planned)),
        "clients saw": dict(result.ledger.table().most_common()),
        "gateway counted": dict(_counted(accounts).most_common()),
        "hung up": accounts.hung_up,
        "of these, ended before": dict(accounts.ended_first),
        "attempts at workers": dict(Counter(one.ending.value for one in result.attempts)),
        "attempts with false counts": sum(one.lied for one in result.attempts),
        "worker failures counted": result.scrape.total("lengthwise_worker_failures_total"),
        "worker refusals counted": result.scrape.total("lengthwise_worker_refusals_total"),
        "refusals given": sum(one.ending is Ending.REFUSED for one in result.attempts),
        "tokens counted": result.scrape.total("lengthwise_generation_tokens_total"),
        "tokens read by clients": [least, most],
        "recovered after s": result.recovered_s and round(result.recovered_s, 1),
        "answered at the end": result.last_ok,
        "memory MiB": _series([mib for _, mib, _ in samples]),
        "memory growth MiB": round(growth([(at, mib) for at, mib, _ in samples]), 1),
        "descriptors": _series([float(count) for _, _, count in samples]),
        "descriptors growth": growth([(at, float(count)) for at, _, count in samples]),
        "delay of /health ms": {
            "p50": round(1000 * delays[499], 1),
            "p99": round(1000 * delays[989], 1),
            "max": round(1000 * max(result.delays), 1),
        },
        "gateway CPU ms per request": round(1000 * result.usage.cpu_s / max(1, requests), 2),
        "CPU of all processes, cores": round(result.cpu_s / result.seconds, 2),
    }


def table(numbers: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| | |", "|---|---|"]
    for name, value in numbers.items():
        lines.append(f"| {name} | {_cell(value)} |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    if isinstance(value, list):
        return " to ".join(map(str, value))
    return str(value)


def _counted(accounts: Accounts) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _, outcome, count in accounts.result.scrape.outcomes():
        counts[outcome] += round(count)
    return counts


def _series(values: list[float]) -> dict[str, float]:
    return {
        "first": round(values[0], 1),
        "most": round(max(values), 1),
        "last": round(values[-1], 1),
    }
