"""``lengthwise picker``: runs the endpoint picker until a signal and the end of its requests."""

from __future__ import annotations

import argparse

from gateway.serve.command import run_serve
from gateway.serve.setting_flags import add_setting_flags
from predictor.exit_codes import bad_input

MISSING = (
    "lengthwise picker needs gRPC, which is not installed: run pip install 'lengthwise[picker]'"
)


def add_picker_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``lengthwise picker``."""
    parser.description = (
        "Answer Envoy's external processing filter (ext_proc v3) as the endpoint picker of the "
        "Gateway API Inference Extension: each request is held until its turn, and goes to the "
        "worker that the scheduler chooses. The section picker of the configuration has the "
        "address; /metrics is on admin.listen. In Envoy, set message_timeout above queue.timeout_s."
    )
    add_setting_flags(parser, "picker")
    parser.set_defaults(target=[], model=None, vllm_flags=[])


def run_picker(args: argparse.Namespace) -> int:
    """Pick until SIGTERM or SIGINT; returns what ``run_serve`` returns, 2 without gRPC."""
    try:
        from gateway.picker.front import PICKER  # noqa: PLC0415 - the extra may be absent
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"grpclib", "google", "h2"}:
            raise
        return bad_input(MISSING)
    return run_serve(args, PICKER)
