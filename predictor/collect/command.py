"""``lengthwise collect``: its arguments."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_collect_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``collect``."""
    add = parser.add_argument
    add("--url", required=True, help="address of the server, for instance http://127.0.0.1:8000")
    add("--model", required=True, metavar="NAME", help="name of the model on the server")
    add(
        "--prompts",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON lines with prompt or messages, and optionally id, dataset, split; or Parquet "
        "with the column prompt, and optionally prompt_id, dataset, split",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the journal and the result files",
    )
    add(
        "--samples",
        type=int,
        default=10,
        metavar="N",
        help="answers per prompt (default %(default)s); a later run may raise it",
    )
    add(
        "--max-tokens",
        type=int,
        default=15_000,
        metavar="N",
        help="longest answer in tokens (default %(default)s); a cut answer counts as longer",
    )
    add("--temperature", type=float, help="sampling temperature (default: the server's)")
    add("--top-p", type=float, help="nucleus sampling (default: the server's)")
    add("--top-k", type=int, help="top-k sampling, not in OpenAI's API (default: the server's)")
    add("--seed", type=int, default=0, help="seed of the samples' seeds (default %(default)s)")
    add(
        "--concurrency",
        type=int,
        default=8,
        metavar="N",
        help="concurrent requests (default %(default)s)",
    )
    add(
        "--timeout",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="longest wait for one answer, in seconds (default %(default)s)",
    )
    add(
        "--api-key-env",
        metavar="NAME",
        help="environment variable that holds the API key (default: none is sent)",
    )
    add(
        "--skip-refused",
        action="store_true",
        help="leave out prompts that the server refuses, such as prompts too long for its context",
    )


def run_collect(args: argparse.Namespace) -> int:
    """Collect all samples, then write the files; see ``run.run``. Returns the exit code."""
    from predictor.collect.run import run  # noqa: PLC0415 - other commands need none of it

    return run(args)
