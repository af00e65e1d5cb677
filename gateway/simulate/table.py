"""The table on the terminal: one line per load and policy, with means over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from gateway.simulate.study import ReportRow, mean
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
_POLICY_COLUMN = 1


def label(row: ReportRow) -> str:
    """The policy, its ageing rate if it has one, and each setting that is not the default."""
    words = [row["policy"]]
    if row["ageing"] is not None:
        words.append(f"{row['ageing']:g}")
    if row["level"] not in (None, LEVEL):
        words.append(f"level {row['level']:g}")
    if row["kv_overflow"] not in (None, KV_OVERFLOW_PROBABILITY):
        words.append(f"kv_overflow {row['kv_overflow']:g}")
    return ", ".join(words)


def by_label(rows: Sequence[ReportRow]) -> dict[str, list[ReportRow]]:
    """The rows by ``label``, in the order of first appearance."""
    groups: dict[str, list[ReportRow]] = {}
    for row in rows:
        groups.setdefault(label(row), []).append(row)
    return groups


def by_load(rows: Sequence[ReportRow]) -> dict[float, list[ReportRow]]:
    """The rows by requested load, ascending.

    The load of a trace differs from seed to seed; the key is then the mean over the seeds.
    """
    groups: dict[str, list[ReportRow]] = {}
    for row in rows:
        groups.setdefault(row["asked_load"], []).append(row)
    means = [(mean(group, "load"), group) for group in groups.values()]
    return dict(sorted(means, key=itemgetter(0)))


def summary(rows: Sequence[ReportRow]) -> str:
    """The whole table; times are in seconds."""
    lines = [["load", "policy", *(title for title, _, _ in COLUMNS)]]
    for load, at_load in by_load(rows).items():
        for name, group in by_label(at_load).items():
            cells = [format(mean(group, column), style) for _, column, style in COLUMNS]
            lines.append([f"{load:.2f}", name, *cells])
    return align(lines)


def align(lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width: the policy to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == _POLICY_COLUMN else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
