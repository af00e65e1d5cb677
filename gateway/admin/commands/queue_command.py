"""``lengthwise queue`` and ``lengthwise top``."""

from __future__ import annotations

import argparse
from urllib.parse import quote

from gateway.admin.commands.client import AdminClient
from gateway.admin.commands.command import add_look_arguments, asking, show_json
from gateway.admin.commands.target import add_target_arguments
from gateway.config.number_flags import number_from

LIMIT = 50
MOST_ROWS = 1000
"""Rows that the gateway gives at a time."""


def add_queue_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``lengthwise queue``."""
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="an X-Request-Id: show where that request is"
    )
    add_target_arguments(parser)
    parser.add_argument(
        "--limit",
        type=number_from(int, 1, MOST_ROWS),
        default=LIMIT,
        metavar="N",
        help="show the first N requests, up to 1000 (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_queue(args: argparse.Namespace) -> int:
    """Show the waiting requests in the order of their starts, or the state of one request."""
    return asking(args, _queue if args.id is None else _request)


def _queue(client: AdminClient, args: argparse.Namespace) -> int:
    page = client.get(f"/admin/queue?limit={args.limit}")
    if args.json:
        show_json(page)
        return 0
    from gateway.admin.commands.queue_pages import queue_table  # noqa: PLC0415 - as in command.py
    from gateway.admin.commands.screen import console  # noqa: PLC0415

    screen = console()
    screen.print(queue_table(page, screen.width))
    return 0


def _request(client: AdminClient, args: argparse.Namespace) -> int:
    page = client.get(f"/admin/requests/{quote(args.id, safe='')}")
    if args.json:
        show_json(page)
        return 0
    from gateway.admin.commands.queue_pages import request_lines  # noqa: PLC0415
    from gateway.admin.commands.screen import console  # noqa: PLC0415

    console().print(request_lines(page))
    return 0


def add_top_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise top``."""
    add_target_arguments(parser)
    add_look_arguments(parser, seconds=2.0)


def run_top(args: argparse.Namespace) -> int:
    """Show what each key has in the gateway, until Ctrl-C."""
    return asking(args, _top)


def _top(client: AdminClient, args: argparse.Namespace) -> int:
    if args.json:
        show_json(client.get("/admin/top"))
        return 0
    from gateway.admin.commands.queue_pages import top_table  # noqa: PLC0415
    from gateway.admin.commands.screen import show  # noqa: PLC0415

    return show(client, "/admin/top", top_table, once=args.once, interval_s=args.interval)
