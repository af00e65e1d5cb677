"""The flags of ``lengthwise serve`` that are settings; `lengthwise config show` takes them too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from gateway.config.errors import Location
from gateway.config.settings import Config


def add_setting_flags(parser: argparse.ArgumentParser, section: str = "listen") -> None:
    """Add the file of the configuration, and the flags that override it.

    ``section`` of the configuration holds host and port.
    """
    default = getattr(Config(), section).port
    parser.set_defaults(section=section)
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML configuration")
    parser.add_argument(
        "--worker",
        action="append",
        metavar="URL",
        help="URL of a running vLLM server, e.g. http://host:8000; repeat for several",
    )
    parser.add_argument("--host", help="address to bind (default: 127.0.0.1)")
    parser.add_argument("--port", help=f"TCP port to bind (default: {default})")
    parser.add_argument("--policy", help="order of the queue, such as fcfs (default: sejf)")


def settings_of(args: argparse.Namespace, urls: Sequence[str]) -> dict[Location, object]:
    """The settings that were given as flags, for ``load``; ``urls`` are those of the workers."""
    flags: dict[Location, object] = {
        (args.section, "host"): args.host,
        (args.section, "port"): args.port,
        ("scheduling", "policy"): args.policy,
        ("workers",): [{"url": url} for url in urls] or None,
        ("listen", "fronts"): getattr(args, "fronts", None),
    }
    return {location: value for location, value in flags.items() if value is not None}
