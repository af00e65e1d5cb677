"""``lengthwise calibrate``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from gateway.calibrate.cost_model import CostModel
from gateway.calibrate.fit import fit
from gateway.calibrate.plan import Calibration, calibrate
from gateway.calibrate.server import CalibrationError, Server
from predictor.collect.progress import Progress
from predictor.exits import bad_input, interrupted


def run(args: argparse.Namespace) -> int:
    """Measure the server and write its cost model.

    0 when it is written; 2 if the server cannot be measured; 130 after Ctrl-C.
    """
    try:
        model = asyncio.run(_measure(args))
        model.save(args.out)
    except KeyboardInterrupt:
        return interrupted("stopped, nothing is written")
    except (CalibrationError, ValueError, OSError) as error:
        return bad_input(str(error))
    print(args.out)
    print(summary(model), file=sys.stderr)
    return 0


async def _measure(args: argparse.Namespace) -> CostModel:
    for flag in ("max_sequences", "budget_s"):
        if not getattr(args, flag) > 0:
            name = flag.replace("_", "-")
            raise ValueError(f"--{name} {getattr(args, flag)}: give more than 0")
    if not args.out.parent.is_dir():
        raise ValueError(f"--out {args.out}: {args.out.parent} is no folder; make it first")
    key, extra = _key(args.api_key_env), _object(args.extra_body)
    server = Server(args.worker.rstrip("/"), key, args.model, extra)
    async with server:
        await server.identify()
        measured = await _with_progress(server, args)
    return cost_model(measured)


async def _with_progress(server: Server, args: argparse.Namespace) -> Calibration:
    progress: Progress | None = None

    def told(done: int, total: int) -> None:
        nonlocal progress
        progress = progress or Progress(total, 0, sys.stderr, unit="measurements")
        progress.step(done - progress.done)

    try:
        return await calibrate(server, args.max_sequences, args.budget_s, told)
    finally:
        if progress is not None:
            progress.close()


def cost_model(measured: Calibration) -> CostModel:
    """What the measurements amount to."""
    server = measured.server
    costs, quality, points = fit(measured.measured())
    return CostModel(
        worker=server.url,
        model=server.model,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        vllm_version=server.version,
        costs=costs,
        limits=server.limits.model_copy(update={"max_num_seqs": measured.limit}),
        fit=quality,
        points=points,
    )


def summary(model: CostModel) -> str:
    """The costs in words."""
    costs, quality = model.costs, model.fit
    return (
        f"lengthwise: a step of {model.model} takes {1e3 * costs.base:.3g} ms "
        f"+ {1e3 * costs.per_sequence:.3g} ms a sequence "
        f"+ {1e3 * costs.per_kv_token * 1000:.3g} ms for 1,000 KV tokens "
        f"+ {1e3 * costs.per_prefill_token * 1000:.3g} ms for 1,000 prompt tokens "
        f"+ {1e3 * costs.per_request:.3g} ms a new request; "
        f"these explain the measurements to {quality.median_error:.1%} in the median, "
        f"{quality.worst_error:.1%} at worst"
    )


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"--extra-body {text!r}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"--extra-body {text!r}: give a JSON object of request fields")
    return value


def _key(name: str | None) -> str:
    if name is None:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise ValueError(f"--api-key-env {name}: that environment variable is not set")
    return key
