"""``lengthwise calibrate``: from the flags to the exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from gateway.calibrate.calibration import Calibration, calibrate
from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.cost_model import CostModel
from gateway.calibrate.errors import CalibrationError
from gateway.calibrate.fit import fit
from predictor.collect.progress import ProgressBar
from predictor.exit_codes import bad_input, interrupted
from predictor.files import check_file


def run(args: argparse.Namespace) -> int:
    """Measure the server and write its cost model.

    Returns 0 if the file is written, 2 if the server cannot be measured, 130 after Ctrl-C.
    """
    try:
        model = asyncio.run(_measure(args))
        model.save(args.out)
    except KeyboardInterrupt:
        return interrupted("stopped; no file was written")
    except (CalibrationError, ValueError, OSError) as error:
        return bad_input(error)
    print(args.out)
    print(summary(model), file=sys.stderr)
    return 0


async def _measure(args: argparse.Namespace) -> CostModel:
    for flag in ("max_sequences", "budget_s"):
        if not getattr(args, flag) > 0:
            name = flag.replace("_", "-")
            raise ValueError(f"--{name} {getattr(args, flag)}: give a number above 0")
    if not args.out.parent.is_dir():
        raise ValueError(f"--out {args.out}: the folder {args.out.parent} does not exist; make it")
    check_file(args.out)
    key, extra = _api_key(args.api_key_env), _json_object(args.extra_body)
    async with CalibrationClient(args.worker, key, args.model, extra) as client:
        await client.identify()
        return build_cost_model(await _with_progress(client, args))


async def _with_progress(client: CalibrationClient, args: argparse.Namespace) -> Calibration:
    progress: ProgressBar | None = None

    def on_progress(done: int, total: int) -> None:
        nonlocal progress
        progress = progress or ProgressBar(total, 0, sys.stderr, unit="measurements")
        progress.step(done - progress.done)

    try:
        return await calibrate(client, args.max_sequences, args.budget_s, on_progress)
    finally:
        if progress is not None:
            progress.close()


def build_cost_model(calibration: Calibration) -> CostModel:
    """The cost model that fits the measurements."""
    client = calibration.client
    costs, quality, points = fit(calibration.measured())
    return CostModel(
        worker=client.url,
        model=client.model,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        vllm_version=client.version,
        costs=costs,
        limits=client.limits.model_copy(update={"max_num_seqs": calibration.limit}),
        fit=quality,
        points=points,
    )


def summary(model: CostModel) -> str:
    """The costs in milliseconds, one line each, and the error of the fit."""
    costs, quality = model.costs, model.fit
    lines = [
        f"lengthwise: time of an engine step of {model.model}, the sum of:",
        *(
            f"  {1000 * seconds:8.3g} ms  {per}"
            for seconds, per in (
                (costs.base, "per step"),
                (costs.per_sequence, "per sequence"),
                (1000 * costs.per_kv_token, "per 1,000 tokens in the KV cache"),
                (1000 * costs.per_prefill_token, "per 1,000 prompt tokens"),
                (costs.per_request, "per new request"),
            )
        ),
        f"  error: {quality.median_error:.1%} for the median measurement, "
        f"{quality.worst_error:.1%} for the worst",
    ]
    return "\n".join(lines)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"--extra-body {text!r}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"--extra-body {text!r}: give a JSON object of request fields")
    return value


def _api_key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ValueError(f"--api-key-env {variable}: this environment variable is not set")
    return key
