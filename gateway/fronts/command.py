"""``lengthwise serve``: one process, or several fronts and their parent."""

from __future__ import annotations

import argparse

from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.fronts.handoff import FLAG, Handoff
from gateway.fronts.share import check
from gateway.protocol.listener import ListenError
from gateway.remote_scheduler.address import FrontsError
from gateway.remote_scheduler.missing import needs_the_extra
from gateway.serve import command
from gateway.serve.setting_flags import settings_of
from gateway.serve.targets import read_targets
from predictor.exit_codes import bad_input, failed


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise serve``."""
    command.add_serve_arguments(parser)
    parser.add_argument(
        "--fronts",
        metavar="N",
        help="processes that serve clients on the one port, for more CPU cores (default: 1)",
    )
    parser.add_argument(FLAG, dest="as_front", help=argparse.SUPPRESS)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns what ``serve.command.run_serve`` returns."""
    if args.as_front is not None:
        from gateway.fronts.child import FrontProcess  # noqa: PLC0415 - not for one process

        return command.run_serve(args, FrontProcess(Handoff.of_word(args.as_front)))
    try:
        targets = read_targets(args)
        config = load(args.config, flags=settings_of(args, targets.urls)).config
        if config.listen.fronts == 1:
            return command.run_serve(args)
        check(config, targets.model)
        with needs_the_extra():
            import gateway.remote_scheduler.server  # noqa: F401, PLC0415 - its process needs it
        from gateway.fronts.parent import run_parent  # noqa: PLC0415 - not for one process

        return run_parent(config, args)
    except ListenError as error:
        return failed(str(error))
    except (ConfigError, FrontsError) as error:
        return bad_input(error)
