"""``lengthwise collect``: its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_COLLECT_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--url": {
        "required": True,
        "help": "address of the server, for instance http://127.0.0.1:8000",
    },
    "--model": {
        "required": True,
        "metavar": "NAME",
        "help": "name of the model on the server",
    },
    "--prompts": {
        "type": Path,
        "required": True,
        "metavar": "FILE",
        "help": "JSON lines with prompt or messages, and optionally id, dataset, split; or Parquet "
        "with the column prompt, and optionally prompt_id, dataset, split",
    },
    "--out": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "folder for the journal and the result files",
    },
    "--samples": {
        "type": int,
        "default": 10,
        "metavar": "N",
        "help": "answers per prompt (default %(default)s); a later run may ask for more",
    },
    "--max-tokens": {
        "type": int,
        "default": 15_000,
        "metavar": "N",
        "help": "longest answer in tokens (default %(default)s); prompt and answer must fit into "
        "the server's max_model_len; a cut answer counts as longer; a later run with the same "
        "--out must keep the value",
    },
    "--temperature": {
        "type": float,
        "help": "sampling temperature (default: the server's)",
    },
    "--top-p": {
        "type": float,
        "help": "nucleus sampling (default: the server's)",
    },
    "--top-k": {
        "type": int,
        "help": "top-k sampling, not in OpenAI's API (default: the server's)",
    },
    "--seed": {
        "type": int,
        "default": 0,
        "help": "seed of the samples' seeds (default %(default)s)",
    },
    "--concurrency": {
        "type": int,
        "default": 8,
        "metavar": "N",
        "help": "concurrent requests (default %(default)s)",
    },
    "--timeout": {
        "type": float,
        "default": 1800.0,
        "metavar": "SECONDS",
        "help": "longest wait for one answer, in seconds (default %(default)s)",
    },
    "--api-key-env": {
        "metavar": "NAME",
        "help": "environment variable that holds the API key (default: none is sent)",
    },
    "--skip-refused": {
        "action": "store_true",
        "help": "leave out prompts that the server refuses, such as prompts too long for its "
        "context",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_collect_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``collect``."""
    for flag, options in _COLLECT_FLAGS.items():
        parser.add_argument(flag, **options)


def run_collect(args: argparse.Namespace) -> int:
    """Collect all samples, then write the files; see ``run.run``. Returns the exit code."""
    from predictor.collect.run import run  # noqa: PLC0415 - other commands need none of it

    return run(args)
