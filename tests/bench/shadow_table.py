"""What the benches of the shadow print: its figures beside those of the A/B."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Any

from scheduler.records import RequestRecord
from scheduler.sim.measures import quantile

MEASURES = ("mean_per_token", "mean_e2e", "p99_e2e", "mean_ttft", "p99_ttft")


def measured(records: Sequence[RequestRecord]) -> dict[str, float]:
    """The measures by the clients' clocks, in seconds."""
    e2e = sorted(one.e2e or 0.0 for one in records)
    ttft = sorted(one.ttft or 0.0 for one in records)
    return {
        "mean_per_token": fmean(one.normalised_latency or 0.0 for one in records),
        "mean_e2e": fmean(e2e),
        "p99_e2e": quantile(e2e, 0.99),
        "mean_ttft": fmean(ttft),
        "p99_ttft": quantile(ttft, 0.99),
    }


def row(line: dict[str, Any]) -> dict[str, float]:
    """For each measure: what was saved really and by the shadow, and how far the shadow is off.

    Once as a share of what was saved, once of the latency under stock.
    """
    found: dict[str, float] = {}
    for name in MEASURES:
        stock = line["stock"][name]
        real = stock - line["actual"][name]
        said = line["page"]["saved"]["stock"]["all"][name]["seconds"]
        found |= {f"real {name}": real, f"said {name}": said}
        found |= {f"of saved {name}": said / real - 1, f"of stock {name}": (said - real) / stock}
    return found


MOST_OFF = {"mean": 0.2, "p99": 0.25}
"""How far the shadow may be off, as a share of what was saved."""

LEAST_SAVED = 0.2
"""Share of stock's latency that counts as saved where less is: two runs of stock itself are a few
per cent apart, which is much of a small saving."""


def worst(errors: Sequence[float]) -> float:
    """The error that is furthest from 0."""
    return max(errors, key=abs)


def too_far_off(
    found: Sequence[dict[str, Any]], of: Callable[[Sequence[float]], float] = worst
) -> list[str]:
    """The regimes and measures whose error is too large, with the error.

    Every run counts, or the median of the runs ``of`` a regime.
    """
    wrong = []
    for regime in sorted({line["regime"] for line in found}):
        lines = [line for line in found if line["regime"] == regime]
        for name in MEASURES:
            error = of([_error(line, name) for line in lines])
            if abs(error) > MOST_OFF[name.partition("_")[0]]:
                wrong.append(f"{regime} {name}: off by {error:+.0%}")
    return wrong


def _error(line: dict[str, Any], name: str) -> float:
    errors, stock = row(line), float(line["stock"][name])
    real, said = errors[f"real {name}"], errors[f"said {name}"]
    return (said - real) / max(abs(real), LEAST_SAVED * stock)


def table_of(found: Sequence[dict[str, Any]], regimes: Iterable[str]) -> str:
    """Markdown: for each regime and measure the medians over the seeds, least and greatest."""
    lines = [
        "| regime | measure | stock, s | saved, A/B, s | saved, shadow, s | error of the saving "
        "| error by stock's latency | replay's own error |",
        "|---" * 8 + "|",
    ]
    for regime in regimes:
        runs = [line for line in found if line["regime"] == regime]
        for name in MEASURES if runs else ():
            rows = [row(line) for line in runs]
            cells = [_spread([line["stock"][name] for line in runs], ".3g")]
            cells += [
                _spread([one[f"{kind} {name}"] for one in rows], ".3g") for kind in ("real", "said")
            ]
            for kind in ("of saved", "of stock"):
                cells.append(_spread([one[f"{kind} {name}"] for one in rows], "+.0%"))
            own = [line["page"]["model"]["error_ratio"][name] for line in runs]
            cells.append(_spread(own, "+.0%"))
            lines.append(f"| {regime} | {name} | " + " | ".join(cells) + " |")
        if runs:
            stock, ours = ([line["preempted"][arm] for line in runs] for arm in (0, 1))
            said = [line["page"]["saved"]["stock"]["all"]["preemptions"] for line in runs]
            spared = [one - other for one, other in zip(stock, ours, strict=True)]
            lines.append(
                f"| {regime} | preemptions | {_spread(stock, '.0f')} | {_spread(spared, '.0f')} "
                f"| {_spread(said, '.0f')} | | | |"
            )
    return "\n".join(lines)


def paces_of(found: Sequence[dict[str, Any]]) -> str:
    """A line for each regime: how long steps took by the clock, which should be 1 times as due."""
    lines = []
    for regime in sorted({line["regime"] for line in found}):
        ratios = [one for line in found if line["regime"] == regime for one in line["pace"]]
        if ratios:
            lines.append(f"{regime}: steps took {_spread(ratios, '.3f')} times as long as due")
    return "\n".join(lines)


def _spread(values: Sequence[float], style: str) -> str:
    low, high = format(min(values), style), format(max(values), style)
    return f"{format(median(values), style)} ({low}..{high})"
