"""How long a report takes: python -m tests.bench.report_page.

Simulates traffic for one worker of four slots, writes it into a served log and makes the report
of all of it, in a process of its own. Prints seconds, CPU seconds and the largest memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.gateway.replay.traffic import traffic
from tests.gateway.report.logs import records, written


def main() -> None:
    """Make the log and time the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=200_000, help="records of the log")
    parser.add_argument("--rate", type=float, default=2.6, help="requests a second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder, "log"), Path(folder, "report.html")
        written(log, records(traffic(count=args.records, rate=args.rate)))
        size = sum(file.stat().st_size for file in log.iterdir())
        begun = time.monotonic()
        command = (sys.executable, "-m", "gateway.cli", "report", "--last", "all")
        subprocess.run([*command, "--log", log, "--out", out], check=True)
        took, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{args.records:,} records, {size / 1e6:.0f} MB: {took:.0f} s, "
            f"{used.ru_utime + used.ru_stime:.0f} s of CPU time, "
            f"{used.ru_maxrss / 1024:,.0f} MB at most, page of {out.stat().st_size / 1e3:.0f} kB"
        )


if __name__ == "__main__":
    main()
