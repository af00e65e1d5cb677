"""``lengthwise config check``, ``show`` and ``schema``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gateway.access.key_file import read_holders
from gateway.config.effective import effective
from gateway.config.errors import ConfigError
from gateway.config.load import Loaded, load
from gateway.config_command.schema import schema
from gateway.requests.routing import configured_routes
from gateway.serve.setting_flags import add_setting_flags, settings_of
from predictor.exit_codes import BAD_INPUT, bad_input


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands of ``lengthwise config``, and their flags."""
    actions: Any = parser.add_subparsers(dest="action", required=True, metavar="check|show|schema")
    check = actions.add_parser("check", help="check files without starting the gateway")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML configuration")
    show = actions.add_parser("show", help="show each setting in force, and where it comes from")
    add_setting_flags(show)
    show.add_argument("--json", action="store_true", help="print a list in JSON")
    described = actions.add_parser("schema", help="print the JSON schema of the file, for editors")
    for name, subparser, run in (
        ("check", check, _check),
        ("show", show, _show),
        ("schema", described, _schema),
    ):
        subparser.set_defaults(subparser=subparser, run=run)
        subparser.prog = f"lengthwise config {name}"


def run_config(args: argparse.Namespace) -> int:
    """Run a subcommand; returns 0, or 2 for a configuration that cannot be used."""
    code: int = args.run(args)
    return code


def _check(args: argparse.Namespace) -> int:
    """One line on stderr for each fault, which begins with file and line as editors read them."""
    code = 0
    for file in args.files:
        try:
            loaded = _loaded(file, "the path", {})
            _check_keys(loaded.config.access.keys_file)
        except ConfigError as error:
            code = BAD_INPUT
            print(error, file=sys.stderr)
        else:
            given = sum(one.place != "default" for one in effective(loaded))
            print(f"{file}: valid; {given} settings differ from the defaults or repeat them")
    return code


def _check_keys(path: Path | None) -> None:
    """Read the file of keys, which the gateway reads at its start. One that is not there may be
    made later, or on another machine.

    Raises:
        ConfigError: it cannot be used.
    """
    if path is not None and path.exists():
        read_holders(path)


def _show(args: argparse.Namespace) -> int:
    try:
        loaded = _loaded(args.config, "--config", settings_of(args, args.worker or ()))
    except ConfigError as error:
        return bad_input(error)
    settings = list(effective(loaded))
    if args.json:
        print(json.dumps([one.as_json() for one in settings], indent=2))
        return 0
    names, values = (
        max(min(len(text), most) for text in texts)
        for texts, most in (
            ([one.name for one in settings], 44),
            ([one.text for one in settings], 28),
        )
    )
    for one in settings:
        print(f"{one.name:<{names}}  {one.text:<{values}}  {one.place}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(json.dumps(schema(), indent=2))
    return 0


def _loaded(file: Path | None, source: str, flags: dict[Any, object]) -> Loaded:
    """The configuration, also checked for what only the application's start would find.

    Raises:
        ConfigError: it cannot be used.
    """
    loaded = load(file, flags=flags, source=source)
    configured_routes(loaded.config.endpoints)
    return loaded
