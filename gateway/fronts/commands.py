"""The command lines of a gateway's processes."""

from __future__ import annotations

import argparse
import sys

from gateway.fronts.handoff import FLAG, Handoff

_FLAGS = ("config", "host", "port", "policy")


def front_command(args: argparse.Namespace, handoff: Handoff) -> list[str]:
    """The command line of a front: the parent's own words, and its place."""
    words = [sys.executable, "-m", "gateway.cli", "serve"]
    for name in _FLAGS:
        value = getattr(args, name)
        if value is not None:
            words.append(f"--{name}={value}")
    words += [f"--worker={url}" for url in args.worker or ()]
    words += [f"--fronts={handoff.count}", f"{FLAG}={handoff.as_word()}"]
    return [*words, *args.target]


def scheduler_command(path: str, fronts: int, link: int) -> list[str]:
    """The command line of the scheduler's process."""
    module = "gateway.fronts.scheduler_process"
    return [sys.executable, "-m", module, path, str(fronts), str(link)]
