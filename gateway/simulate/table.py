"""The table on the terminal: one line for each load and policy, means over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from gateway.simulate.study import Row, mean
from scheduler.policy import LEVEL
from scheduler.worker_spec import KV_OVERFLOW_PROBABILITY

COLUMNS = (
    ("s/token", "mean_normalised_latency", ".4f"),
    ("mean E2E", "mean_e2e", ".2f"),
    ("p99 E2E", "p99_e2e", ".1f"),
    ("mean TTFT", "mean_ttft", ".2f"),
    ("p99 TTFT", "p99_ttft", ".1f"),
    ("tokens/s", "throughput_tokens", ",.0f"),
    ("preempted", "preemptions", ",.0f"),
    ("max wait", "max_wait", ".1f"),
)


def label(row: Row) -> str:
    """The policy, with its ageing if it has one, and what else is not as usual."""
    words = [row["policy"]]
    if row["ageing"] is not None:
        words.append(f"{row['ageing']:g}")
    if row["level"] not in (None, LEVEL):
        words.append(f"level {row['level']:g}")
    if row["kv_overflow"] not in (None, KV_OVERFLOW_PROBABILITY):
        words.append(f"kv_overflow {row['kv_overflow']:g}")
    return ", ".join(words)


def by_label(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each policy and its settings, in the order in which they first came."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(label(row), []).append(row)
    return found


def by_load(rows: Sequence[Row]) -> dict[float, list[Row]]:
    """The rows of each load asked for, ascending.

    Where a trace's own was asked for, it differs from seed to seed: its mean stands for it.
    """
    asked: dict[str, list[Row]] = {}
    for row in rows:
        asked.setdefault(row["asked_load"], []).append(row)
    means = [(mean(found, "load"), found) for found in asked.values()]
    return dict(sorted(means, key=itemgetter(0)))


def summary(rows: Sequence[Row]) -> str:
    """The whole table: seconds, and means over the seeds."""
    head = ["load", "policy", *(title for title, _, _ in COLUMNS)]
    lines = [head]
    for load, of_load in by_load(rows).items():
        for name, found in by_label(of_load).items():
            cells = [format(mean(found, key), style) for _, key, style in COLUMNS]
            lines.append([f"{load:.2f}", name, *cells])
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width: the second to the left, all others to the right."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 1 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
