"""``lengthwise report``: from the flags to the exit code."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from gateway.calibrate.cost_model import CostModelError, load_cost_model
from gateway.config.errors import ConfigError
from gateway.config.load import Loaded, load
from gateway.config.settings import Config
from gateway.report.errors import ReportError
from gateway.report.facts import DEFAULT_POLICY, Asked, Facts, facts_of
from gateway.report.page.document import document
from gateway.report.period import period_of
from predictor.exit_codes import bad_input, interrupted
from predictor.files import check_file, write_atomically
from predictor.served_log import LogError
from predictor.threads import one_thread

_LEAST_REPLAYED = 500


def run(args: argparse.Namespace) -> int:
    """Write the page to --out and print its figures for --json.

    Returns the exit code: 0, 2 for bad input, or the code of an interruption by Ctrl-C.
    """
    try:
        one_thread()
        asked = _asked(args)
        facts = facts_of(asked, _tell)
        if args.out is not None:
            write_atomically(args.out, document(facts).encode("utf-8", "replace"))
    except KeyboardInterrupt:
        return interrupted("stopped; no file was written")
    except (ReportError, LogError, ConfigError, CostModelError, OSError) as error:
        return bad_input(error)
    _print(args, facts)
    return 0


def _asked(args: argparse.Namespace) -> Asked:
    if args.out is None and not args.json:
        raise ReportError("where to? Give --out FILE for the page, or --json for its figures")
    if args.most_replayed < _LEAST_REPLAYED:
        raise ReportError(f"--most-replayed {args.most_replayed}: give at least {_LEAST_REPLAYED}")
    if args.out is not None:
        check_file(args.out)
    loaded = _loaded(args.config)
    config = loaded.config
    return Asked(
        args.log,
        period_of(args.last, args.since, args.until, time.time()),
        config,
        None if args.cost_model is None else load_cost_model(args.cost_model),
        args.access_log or _access_file(config),
        args.most_replayed,
        _policy_from(loaded, args.config),
    )


def _loaded(path: Path | None) -> Loaded:
    """The configuration: one that is filled in where it is deployed may not do here.

    Raises:
        ReportError: it cannot be used. The message also says what goes without it.
    """
    try:
        return load(path)
    except ConfigError as error:
        if path is None:
            raise
        raise ReportError(
            f"{error}\nA report also comes about without --config: it then takes the default "
            "policy for the present one, and reads the workers' limits from the log."
        ) from error


def _policy_from(loaded: Loaded, path: Path | None) -> str:
    """Where the policy comes from, without a path or a line of the file: the page is sent on."""
    place = loaded.places.get(("scheduling", "policy"))
    if place is None:
        return "the default, which --config leaves" if path else DEFAULT_POLICY
    return place if place.startswith("environment variable ") else "--config"


def _access_file(config: Config) -> Path | None:
    """The access log of the configuration, if it is there and made for programs."""
    path = config.log.access_file
    return path if config.log.access == "json" and path is not None and path.is_file() else None


def _tell(step: str) -> None:
    """Progress goes to stderr, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"lengthwise report: {step}", file=sys.stderr)


def _print(args: argparse.Namespace, facts: Facts) -> None:
    if args.json:
        print(json.dumps(facts, allow_nan=False))
    elif args.out is not None:
        requests, seconds = facts["traffic"]["requests"], facts["about"]["took_s"]
        print(f"{args.out}: {requests:,} requests, made in {seconds:.0f} s")
