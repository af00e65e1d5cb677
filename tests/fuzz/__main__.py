"""Sends malformed requests to a real gateway and tells what it did.

    python -m tests.fuzz --check                      # a gate: 10,000 requests, 60 to 90 s
    python -m tests.fuzz --requests 100000 --check    # a night: 15 minutes

With ``--check`` the exit code is 1 unless each promise below holds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz.run import Report, run

MOST_PAUSE_S = 0.1
"""Of the processor time of the event loop's thread in one pause."""

MOST_HELD_S = 0.25
"""Of the processor time of all threads in one pause, of which a part may be other threads' own:
one that holds the interpreter for longer than this is a fault too."""

MOST_GROWTH_MIB = 128.0
"""Of memory, after the first part of the run: large bodies leave gaps in it."""

MOST_MORE_DESCRIPTORS = 10


def broken_promises(report: Report) -> Iterator[str]:
    """What the run has shown that must not be."""
    yield from report.faults[:20]
    for pause in report.pauses:
        if pause.own_s > MOST_PAUSE_S or pause.held_s > MOST_HELD_S:
            yield f"the event loop paused (its thread/all threads/wall): {pause}"
    if report.log_faults:
        yield f"{len(report.log_faults)} faults in the log, the first: {report.log_faults[0]}"
    if report.outcomes.get("internal_error"):
        yield f"{report.outcomes['internal_error']:g} requests ended as internal_error"
    if report.in_flight:
        yield f"{report.in_flight:g} requests never ended"
    if report.exit_code != 0:
        yield f"the gateway ended with {report.exit_code}"
    (_, before, opened), *_, (_, after, still_open) = report.usage.samples
    if after - before > MOST_GROWTH_MIB:
        yield f"memory grew from {before:.0f} to {after:.0f} MiB"
    if still_open - opened > MOST_MORE_DESCRIPTORS:
        yield f"descriptors grew from {opened} to {still_open}"


def main(words: Sequence[str]) -> int:
    """Run and report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument(
        "--requests",
        type=int,
        default=10_000,
        help="10000 for a gate (default), 100000 for a night",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--large-every", type=int, default=100, metavar="N")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--folder", type=Path, help="keeps logs and state there")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        if args.folder:
            args.folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(
            run(
                args.requests,
                args.seed,
                args.folder or Path(folder),
                args.clients,
                args.large_every,
            )
        )
    print(f"{report.requests} requests in {report.seconds:.0f} s")
    print("answers:", dict(report.statuses.most_common(12)))
    print("outcomes:", report.outcomes)
    print("longest pauses, by the processor time of the loop / of all threads / on the wall:")
    for pause in report.pauses[:8]:
        print(f"  {pause}")
    print(
        "longest on the wall:", *sorted(report.pauses, key=lambda one: -one.wall_s)[:3], sep="\n  "
    )
    print("memory and descriptors:", [(round(m), fds) for _, m, fds in report.usage.samples])
    broken = list(broken_promises(report))
    for promise in broken:
        print("BROKEN:", promise)
    return int(bool(broken) and args.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
