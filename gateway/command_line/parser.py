"""The parser of ``lengthwise``; its errors are one line with the remedy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

from gateway.command_line.commands import COMMANDS
from predictor.exit_codes import BAD_INPUT

_WORD = re.compile(r"(?:invalid choice: |unrecognized arguments: )'?([^\s']+)")


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line: the fault, the nearest known word, and where to look."""

    def error(self, message: str) -> NoReturn:
        """Print the fault and exit with the code of bad input."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}. {self._nearest(message)}\n")

    def _nearest(self, message: str) -> str:
        """The known word nearest to the one at fault, else where all of them stand."""
        fault = _WORD.search(message)
        word = fault[1].partition("=")[0] if fault else ""
        close = get_close_matches(word, list(self._words()), n=1)
        return f"Did you mean {close[0]}?" if close else f"See {self.prog} --help."

    def _words(self) -> Iterator[str]:
        for action in self._actions:
            yield from action.option_strings
            yield from map(str, action.choices or ())


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; ``vllm_flags`` are the words after `--`, which only ``serve`` takes.

    Raises:
        SystemExit: the arguments are wrong; the fault has been printed.
    """
    words, dashes, rest = _partition(argv)
    args, unknown = build_parser(words).parse_known_args(words)
    if unknown:
        args.subparser.error(_unknown_arguments(args.command, unknown))
    if dashes and args.command != "serve":
        args.subparser.error("-- is for flags of vLLM in `lengthwise serve`; leave it out")
    args.vllm_flags = rest
    return args


def _partition(argv: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """The words before the first `--`, whether there is one, and the words after it."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], at < len(words), words[at + 1 :]


def _unknown_arguments(command: str, unknown: Sequence[str]) -> str:
    """The fault of arguments that no flag takes. Values are not shown: one may be a key."""
    flags = [word.partition("=")[0] for word in unknown if word.startswith("-")] or unknown[:1]
    fault = f"unrecognized arguments: {' '.join(flags)}"
    if command == "serve":
        fault += f" (flags of vLLM follow after --, as in `--model NAME -- {flags[0]} ...`)"
    return fault


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all subcommands, with the flags of those among the words."""
    parser = OneLineParser(prog="lengthwise", description="A length-aware gateway for vLLM.")
    parser.add_argument("--version", action="version", version=f"lengthwise {_version()}")
    commands: Any = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.text
        description = f"{text[0].upper()}{text[1:]}."
        subparser = commands.add_parser(name, help=text, description=description)
        subparser.set_defaults(subparser=subparser)
        if name in words:
            command.add_arguments(subparser)
    return parser


def _version() -> str:
    try:
        return version("lengthwise")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
