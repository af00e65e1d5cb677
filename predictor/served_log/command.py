"""`lengthwise log`: a summary of the served log, or an export to Parquet."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from predictor.exit_codes import bad_input
from predictor.files import check_file


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``log``."""
    parser.add_argument("--log", type=Path, required=True, help="folder of the served log")
    parser.add_argument("--out", type=Path, default=None, help="Parquet file for all records")


def run_log(args: argparse.Namespace) -> int:
    """Print a summary of the served log as JSON; with ``--out``, write all records to a file."""
    from predictor.served_log import LogError, read  # noqa: PLC0415 - Arrow takes 30 MB

    try:
        if args.out is not None:
            check_file(args.out)
        table = read(args.log)
        if args.out is not None:
            import pyarrow.parquet as pq  # noqa: PLC0415

            pq.write_table(table, args.out, compression="zstd")
    except (LogError, OSError) as error:
        return bad_input(error)
    print(json.dumps(summary(table)))
    return 0


def summary(table: Any) -> dict[str, Any]:
    """Number of records, first and last end (Unix seconds), records and cut answers by model."""
    finished = table["finished"].to_pylist()
    models: dict[str, dict[str, int]] = {}
    for name, cut in zip(table["model"].to_pylist(), table["censored"].to_pylist(), strict=True):
        counts = models.setdefault(name, {"records": 0, "censored": 0})
        counts["records"] += 1
        counts["censored"] += cut
    ends = {"first": finished[0], "last": finished[-1]} if finished else {}
    return {"records": table.num_rows, **ends, "models": models}
