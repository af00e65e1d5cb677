"""``lengthwise status``, ``drain``, ``undrain``, ``pause`` and ``resume``."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

from gateway.admin.commands.client import AdminClient, Unanswered
from gateway.admin.commands.target import add_target_arguments, find_target
from gateway.admin.commands.words import duration, shown_moment
from gateway.config.errors import ConfigError
from gateway.config.number_flags import number_from
from predictor.exit_codes import bad_input, failed

LEAST_INTERVAL_S = 0.1
"""Seconds between two looks, at least."""

LOOK_S = 0.5
"""Seconds between two looks at a worker whose requests end."""


def asking(args: argparse.Namespace, work: Callable[[AdminClient, argparse.Namespace], int]) -> int:
    """Run a command that asks a gateway; returns its exit code, 1 without an answer."""
    try:
        return work(AdminClient(find_target(args, os.environ)), args)
    except ConfigError as error:
        return bad_input(error)
    except Unanswered as error:
        return failed(str(error))


def show_json(answer: dict[str, Any]) -> None:
    """Print an answer as JSON, for programs."""
    print(json.dumps(answer, indent=2))


def add_status_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise status``."""
    add_target_arguments(parser)
    add_look_arguments(parser, seconds=1.0)


def add_look_arguments(parser: argparse.ArgumentParser, *, seconds: float) -> None:
    """The flags of commands that look again and again, every so many seconds unless told."""
    parser.add_argument("--json", action="store_true", help="print the figures once, as JSON")
    parser.add_argument("--once", action="store_true", help="print once and end")
    parser.add_argument(
        "--interval",
        type=number_from(float, LEAST_INTERVAL_S, 86_400),
        default=seconds,
        metavar="SECONDS",
        help="seconds between two looks (default: %(default)s)",
    )


def run_status(args: argparse.Namespace) -> int:
    """Show workers, queue and forecasts until Ctrl-C; once where the output is no terminal."""
    return asking(args, _status)


def _status(client: AdminClient, args: argparse.Namespace) -> int:
    if args.json:
        show_json(client.get("/admin/status"))
        return 0
    # rich takes 50 ms and is of no use to `lengthwise serve`
    from gateway.admin.commands.pages import status_page  # noqa: PLC0415
    from gateway.admin.commands.screen import show  # noqa: PLC0415

    return show(client, "/admin/status", status_page, once=args.once, interval_s=args.interval)


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``lengthwise drain`` and ``undrain``."""
    parser.add_argument(
        "worker", metavar="URL", help="the worker's URL, as `lengthwise status` has it"
    )
    add_target_arguments(parser)


def add_drain_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``lengthwise drain``."""
    add_worker_arguments(parser)
    parser.add_argument(
        "--wait", action="store_true", help="return when the worker's last request has ended"
    )


def run_drain(args: argparse.Namespace) -> int:
    """Send a worker nothing new."""
    return asking(args, _drain)


def _drain(client: AdminClient, args: argparse.Namespace) -> int:
    answer = client.post("/admin/drain", {"worker": args.worker})
    worker = answer["worker"]
    print(f"{worker} gets no new requests; {answer['in_flight']} run there and end")
    print(
        "until `lengthwise undrain`, also over a restart of the gateway"
        if answer["kept_over_restarts"]
        else "a restart of the gateway forgets this: set learning.folder, where it is kept, or "
        "draining: true at the worker in the configuration"
    )
    if models := answer["models_without_worker"]:
        print(
            f"no other worker takes requests for {', '.join(models)}: its requests wait for "
            "queue.no_worker_grace_s, then they are answered 503"
        )
    _tell_who_has_not_heard(answer)
    while args.wait and answer["in_flight"]:
        time.sleep(LOOK_S)
        answer = client.post("/admin/drain", {"worker": worker})
    if args.wait:
        print(f"{worker} is idle")
    return 0


def _tell_who_has_not_heard(answer: dict[str, Any]) -> None:
    """Name the fronts of a gateway of several that did not answer."""
    for name in answer.get("not_heard", ()):
        print(f"{name} has not answered: this holds there once it does")


def run_undrain(args: argparse.Namespace) -> int:
    """Send a worker requests again."""
    return asking(args, _undrain)


def _undrain(client: AdminClient, args: argparse.Namespace) -> int:
    answer = client.post("/admin/undrain", {"worker": args.worker})
    still = " once its configuration no longer says draining" if answer["draining"] else ""
    print(f"{answer['worker']} gets requests again{still}")
    _tell_who_has_not_heard(answer)
    return 0


def run_pause(args: argparse.Namespace) -> int:
    """Send no worker anything from the queue."""
    return asking(args, _pause)


def _pause(client: AdminClient, args: argparse.Namespace) -> int:
    answer = client.post("/admin/pause")
    print(
        f"paused: {answer['waiting']} requests wait, new ones too; `lengthwise resume` goes on, "
        "and so does a restart of the gateway"
    )
    _tell_who_has_not_heard(answer)
    return 0


def run_resume(args: argparse.Namespace) -> int:
    """Send the workers requests again."""
    return asking(args, _resume)


def _resume(client: AdminClient, args: argparse.Namespace) -> int:
    answer = client.post("/admin/resume")
    print(f"requests go to the workers again; {answer['waiting']} wait")
    _tell_who_has_not_heard(answer)
    return 0


def run_reload(args: argparse.Namespace) -> int:
    """Let the gateway read its configuration again; returns 1 if it refuses the new one."""
    return asking(args, _reload)


def _reload(client: AdminClient, args: argparse.Namespace) -> int:
    answer = client.post("/admin/reload")
    last = answer["last_change"]
    if answer["changed"]:
        print(f"read again; changed: {', '.join(answer['changed'])}")
    elif last is None:
        print("read again; nothing has changed since the start")
    else:  # the gateway watches its file, and may have been faster
        seconds = max(0.0, time.time() - last["at"])
        print(
            "read again; nothing is new. The file's last change took effect "
            f"{duration(seconds)} ago ({shown_moment(last['at'])}): {', '.join(last['changed'])}"
        )
    if answer["restart"]:
        print(f"these need a restart: {', '.join(answer['restart'])}")
    return 0
