"""Three workers and many clients misbehave by a seeded plan, and all accounts must agree.

    python -m tests.chaos [--minutes 5] [--seed 0] [--rate 11] [--out FILE] [--check]

Processes: one ``lengthwise serve`` and three ``lengthwise emulate``, each behind a front in this
process (``faulty_proxy``), which counts what reaches the worker. ``schedule`` draws which worker is
killed, restarted, frozen, hung, stalled, slow, busy, broken, resetting, cutting or lying, and when;
``clients`` has the kinds of clients; ``promises`` has what must hold at the end. The seed gives the
plan of the faults. Which request meets which fault depends on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.promises import Accounts
from tests.chaos.report import figures, table
from tests.chaos.run import RATE, Chaos


def main() -> int:
    """Run, print, and tell whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0, help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=RATE, help="requests per second")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="fail if a promise is broken")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the processes are ended
    result = asyncio.run(Chaos(args.seed, 60 * args.minutes, folder, args.rate).run())
    accounts = Accounts.of(result)
    numbers, broken = figures(accounts, args.seed), accounts.broken()
    print(table(numbers))
    if args.out:
        args.out.write_text(json.dumps({**numbers, "broken": broken}, indent=2) + "\n")
    for words in broken:
        print(f"BROKEN: {words}", file=sys.stderr)
    if broken:
        print(f"logs: {folder}", file=sys.stderr)
        return 1 if args.check else 0
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
