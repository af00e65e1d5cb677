"""``lengthwise collect``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from predictor.collect import output
from predictor.collect.client import RETRY, Client, Retry, endpoint
from predictor.collect.collection import Plan, collect
from predictor.collect.errors import CollectError
from predictor.collect.journal import Journal
from predictor.collect.progress import ProgressBar
from predictor.collect.prompts import read_prompts
from predictor.collect.sampling import Sampling
from predictor.data.records import DataError
from predictor.exit_codes import bad_input, interrupted


def run(args: argparse.Namespace, *, retry: Retry = RETRY) -> int:
    """Collect all samples, then write the files.

    Returns the exit code: 0 when complete, 2 for bad input or a server that fails for good, 130
    after Ctrl-C. The samples so far stay, and the same command continues.
    """
    try:
        _collect(args, retry)
    except KeyboardInterrupt:
        return interrupted("stopped; run the same command again to continue")
    except (CollectError, DataError, ValueError, OSError) as error:
        return bad_input(error)
    return 0


def _collect(args: argparse.Namespace, retry: Retry) -> None:
    plan = _plan(args)
    client = Client(endpoint(args.url), _key(args.api_key_env), args.timeout, retry)
    with Journal(args.out, plan.sampling.settings()) as journal:
        journal.check(plan.prompts)
        asyncio.run(_sample(plan, client, journal))
        samples = journal.samples.values()
        for file in output.write(args.out, plan.prompts, samples, plan.sampling):
            print(file)
    cut = sum(sample.capped for sample in samples)
    refused = f"; {len(journal.refusals):,} prompts refused" if journal.refusals else ""
    _print_status(
        f"{len(samples):,} samples, {cut:,} of them cut at --max-tokens or elsewhere{refused}"
    )
    _print_status(f"train with: lengthwise train --data {args.out} --out MODEL")


def _plan(args: argparse.Namespace) -> Plan:
    for flag in ("samples", "concurrency", "timeout"):
        if not getattr(args, flag) > 0:
            raise ValueError(f"--{flag} {getattr(args, flag)}: give more than 0")
    sampling = Sampling(
        model=args.model,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        seed=args.seed,
    )
    return Plan(
        prompts=read_prompts(args.prompts),
        sampling=sampling,
        samples=args.samples,
        concurrency=args.concurrency,
        skip_refused=args.skip_refused,
    )


def _key(name: str | None) -> str:
    """The API key in the environment variable ``name``; "" if ``name`` is None."""
    if name is None:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise ValueError(f"--api-key-env {name}: that environment variable is not set")
    return key


async def _sample(plan: Plan, client: Client, journal: Journal) -> None:
    done = plan.done(journal)
    if done == plan.total:
        return
    async with client:
        await client.reach()
        progress = ProgressBar(plan.total, done, sys.stderr)
        try:
            await collect(plan, client, journal, progress)
        finally:
            progress.close()


def _print_status(message: str) -> None:
    print(f"lengthwise: {message}", file=sys.stderr)
