"""``lengthwise usage``: who has used how much, as a table, CSV or JSON."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import date, timedelta
from pathlib import Path

from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from gateway.usage.counts import today
from gateway.usage.database import UsageFileError
from gateway.usage.read import read_all_usage
from gateway.usage.report import GROUPS, Report, print_table
from predictor.exit_codes import bad_input

_VARIABLE = "LENGTHWISE_USAGE_FILE"
_WHEN = "a date (2026-11-30), today, or days ago (7d)"
_DEFAULT_DAYS = 30


def add_usage_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise usage``."""
    parser.add_argument("--file", type=Path, metavar="FILE", help="the database (usage.file)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML configuration that names the database"
    )
    parser.add_argument(
        "--by",
        default="key",
        metavar="WHAT",
        help="what to sum by: key, model, day, or several, as in day,key (default: %(default)s)",
    )
    parser.add_argument(
        "--since", default=f"{_DEFAULT_DAYS - 1}d", metavar="DAY", help=f"first day: {_WHEN}"
    )
    parser.add_argument("--until", default="today", metavar="DAY", help="last day, as --since")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--csv", action="store_true", help="print CSV; times are in seconds")
    formats.add_argument("--json", action="store_true", help="print JSON; times are in seconds")


def run_usage(args: argparse.Namespace) -> int:
    """Print what was used. Returns 0, or 2 where it cannot be read."""
    try:
        since, until = _day("--since", args.since), _day("--until", args.until)
        if since > until:
            raise UsageFileError(f"--since {since} is after --until {until}; swap them")
        by = _groups(args.by)
        report = Report.of(read_all_usage(_file(args), since, until), since, until, by)
    except ConfigError as error:
        return bad_input(error)
    if args.csv:
        report.write_csv(sys.stdout)
    elif args.json:
        print(report.as_json())
    else:
        print_table(report, sys.stdout)
    return 0


def _file(args: argparse.Namespace) -> Path:
    path: Path | None = args.file
    if path is None:
        path = load_config(args.config).usage.file if args.config is not None else None
    if path is None and (named := os.environ.get(_VARIABLE)):
        path = Path(named)
    if path is None:
        raise UsageFileError(
            "which database? Give --file FILE, --config FILE with usage.file, or set "
            f"{_VARIABLE}; without usage.file a gateway counts nothing"
        )
    return path


def _groups(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not names or not set(names) <= set(GROUPS):
        raise UsageFileError(
            f"--by {text[:100]}: must be key, model or day, or several of them, as in day,key"
        )
    return names


def _day(flag: str, text: str) -> date:
    """The day that a flag names."""
    try:
        if text == "today":
            return today()
        if text.endswith("d") and text[:-1].isdigit():
            return today() - timedelta(days=int(text[:-1]))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageFileError(f"{flag} {text[:100]}: is no day; give {_WHEN}") from None
