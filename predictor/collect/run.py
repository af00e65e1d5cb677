"""``lengthwise collect``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from predictor.collect import output
from predictor.collect.client import RETRY, Client, Retry, endpoint
from predictor.collect.errors import CollectError
from predictor.collect.journal import Journal
from predictor.collect.progress import Progress
from predictor.collect.prompts import read_prompts
from predictor.collect.requests import Sampling
from predictor.collect.sampling import Plan, collect
from predictor.data.records import DataError
from predictor.exits import bad_input, interrupted


def run(args: argparse.Namespace, *, retry: Retry = RETRY) -> int:
    """Sample until the collection is complete, then write it.

    0 when it is; 2 if it cannot go on; 130 after Ctrl-C. What was sampled stays, and the same
    command continues.
    """
    try:
        _collect(args, retry)
    except KeyboardInterrupt:
        return interrupted("stopped; run the same command again to continue")
    except (CollectError, DataError, ValueError, OSError) as error:
        return bad_input(str(error))
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
    _say(f"{len(samples):,} samples, {cut:,} of them cut at --max-tokens or elsewhere{refused}")
    _say(f"train with: lengthwise train --data {args.out} --out MODEL")


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
    """The API key in the environment variable ``name``; "" if none is wanted."""
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
        progress = Progress(plan.total, done, sys.stderr)
        try:
            await collect(plan, client, journal, progress)
        finally:
            progress.close()


def _say(message: str) -> None:
    print(f"lengthwise: {message}", file=sys.stderr)
