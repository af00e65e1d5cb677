"""`lengthwise keys`: makes, shows, renews and takes back API keys."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from gateway.access import keys_change as change
from gateway.access.key_file import Holders, KeptHolder, changing, read_holders
from gateway.access.keys_list import json_lines, lines, shown_time
from gateway.config.access import Rights
from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from predictor.exit_codes import bad_input

_Found = TypeVar("_Found")

_WHEN = "30d (s, m, h, d, w), a date in UTC, now or never"
_VARIABLE = "LENGTHWISE_ACCESS_KEYS_FILE"
_NUMBERS = (
    *("requests-per-min", "tokens-per-min", "concurrency", "tokens-per-day", "tokens-per-month"),
    *("max-tokens", "default-max-tokens"),
)


def add_keys_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of ``lengthwise keys`` and their flags."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (text, add_arguments, run) in _ACTIONS.items():
        action = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        action.add_argument("--file", type=Path, help="the file of keys (access.keys_file)")
        action.add_argument("--config", type=Path, help="YAML configuration that names the file")
        action.set_defaults(run=run)
        add_arguments(action)


def run_keys(args: argparse.Namespace) -> int:
    """Run one action. Returns 0, or 2 where it cannot be done."""
    try:
        code: int = args.run(args)
    except (change.KeysError, ConfigError) as error:
        return bad_input(error)
    return code


def _file(args: argparse.Namespace) -> Path:
    path: Path | None = args.file
    if path is None and args.config is not None:
        path = load_config(args.config).access.keys_file
    if path is None and (named := os.environ.get(_VARIABLE)):
        path = Path(named)
    if path is None:
        raise change.KeysError(
            f"which file of keys? Give --file FILE, --config FILE with access.keys_file, or set "
            f"{_VARIABLE}"
        )
    return path


def _groups(args: argparse.Namespace) -> list[str] | None:
    """The names of the configuration's groups; None without a configuration."""
    if args.config is None:
        return None
    return [group.name for group in load_config(args.config).access.groups]


def _check_group(args: argparse.Namespace) -> str:
    """Refuse a group that the configuration lacks: keys of such a holder open nothing.

    Returns what to say at the end: without ``--config`` nobody knows the groups.
    """
    groups = _groups(args)
    if args.group and groups is None:
        return (
            f"note: whether access.groups has a group {args.group!r} is not known without --config "
            "FILE; if it has not, the keys of its holders open nothing"
        )
    if groups is not None and args.group and args.group not in groups:
        known = f"It has {', '.join(groups)}" if groups else "It has none"
        raise change.KeysError(
            f"{args.config}: access.groups has no group {args.group!r}. {known}; add the group "
            "there first"
        )
    return ""


def _tell(note: str) -> None:
    """Print a note where it does not get into the output."""
    if note:
        print(note, file=sys.stderr)


def _changed(args: argparse.Namespace, work: Callable[[Holders], _Found]) -> _Found:
    with changing(_file(args)) as holders:
        return work(holders)


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _when(text: str) -> float | None:
    return change.moment(text, _now())


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="holder: letters, digits, . _ and -")
    parser.add_argument("--group", default="", help="group of access.groups with the rights")
    parser.add_argument("--expires", default="never", metavar="WHEN", help=_WHEN)
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="names or patterns with *")
    parser.add_argument("--weight", type=float, help="share of tokens against other holders")
    parser.add_argument("--urgency", type=int, help="class; a lower one goes first")
    parser.add_argument("--timeout-s", type=float, metavar="S", help="most seconds for an answer")
    for name in _NUMBERS:
        parser.add_argument(f"--{name}", type=int, metavar="N", help="as in access.groups")


def _add(args: argparse.Namespace) -> int:
    flags = (*_NUMBERS, "models", "weight", "urgency", "timeout_s")
    names = (name.replace("-", "_") for name in flags)
    fields = {name: value for name in names if (value := getattr(args, name)) is not None}
    try:
        rights = Rights.model_validate(fields)
        KeptHolder(name=args.name, group=args.group)
    except ValidationError as error:
        fault = error.errors()[0]
        raise change.KeysError(f"{fault['loc'][0]}: {fault['msg']}") from None
    note, expires = _check_group(args), _when(args.expires)
    _show(_changed(args, lambda kept: change.add(kept, args.name, args.group, rights, expires)))
    _tell(note)
    return 0


def _show(key: str) -> None:
    """Print a new key alone, so that a script can take it."""
    print(key)


def _add_rotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--keep",
        default="24h",
        metavar="TIME",
        help="how long the key so far stays valid; 0s: it ends now (default: %(default)s)",
    )
    parser.add_argument("--expires", default="never", metavar="WHEN", help=_WHEN)


def _rotate(args: argparse.Namespace) -> int:
    ends, expires = _when(args.keep), _when(args.expires)
    if ends is None:
        raise change.KeysError("--keep never: the key so far has to end; give a time, such as 7d")
    _show(_changed(args, lambda kept: change.rotate(kept, args.name, ends, expires)))
    return 0


def _add_revoke(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--id", default="", help="only this key, as `keys list` shows it")


def _revoke(args: argparse.Namespace) -> int:
    number = _changed(args, lambda kept: change.revoke(kept, args.name, args.id))
    what = "1 valid key" if number == 1 else f"{number} valid keys"
    print(
        f"{args.name}: {what} revoked; a gateway that uses this file ends their requests within a "
        "second"
    )
    return 0


def _add_expire(parser: argparse.ArgumentParser) -> None:
    _add_revoke(parser)
    parser.add_argument("when", metavar="WHEN", help=_WHEN)


def _expire(args: argparse.Namespace) -> int:
    expires = _when(args.when)
    number = _changed(args, lambda kept: change.expire(kept, args.name, expires, args.id))
    print(f"{args.name}: {number} keys end {shown_time(expires) or 'never'}")
    return 0


def _add_group(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("group", metavar="GROUP", help="group of access.groups")


def _group(args: argparse.Namespace) -> int:
    note = _check_group(args)
    before = _changed(args, lambda kept: change.regroup(kept, args.name, args.group))
    print(f"{args.name}: group {args.group}, before: {before or 'none'}")
    _tell(note)
    return 0


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one holder a line, as in the file")


def _list(args: argparse.Namespace) -> int:
    holders = read_holders(_file(args)).values()
    for line in json_lines(holders) if args.json else lines(holders, _now(), _groups(args)):
        print(line)
    return 0


_ACTIONS = {
    "add": ("add a holder and print the new key, once", _add_add, _add),
    "list": ("show the holders and their keys, without the keys themselves", _add_list, _list),
    "rotate": ("print a new key for a holder; the one so far ends later", _add_rotate, _rotate),
    "group": ("put a holder into another group", _add_group, _group),
    "revoke": ("take back a holder's keys, also from running requests", _add_revoke, _revoke),
    "expire": ("set when a holder's keys end", _add_expire, _expire),
}
"""Action -> (help text, function that adds the flags, function that runs the action)."""
