"""``lengthwise evaluate``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from predictor.artefact.format import ArtefactError
from predictor.data import sources
from predictor.data.records import DataError
from predictor.evaluation import plots
from predictor.evaluation.page import page
from predictor.evaluation.plot_style import PlotsError, need
from predictor.evaluation.study import Split, Study, split, study
from predictor.evaluation.table import EXPLAINED, tables
from predictor.exits import bad_input
from predictor.fast.predictor import Predictor
from predictor.refined import tiers


def run(args: argparse.Namespace) -> int:
    """Print the tables to stdout, with --out write page, plots and metrics.json: 0; else 2."""
    try:
        if args.out is not None:
            need(", or leave out --out for the tables alone")
        forecaster = tiers.load_predictor(args.model_dir, args.tier)
        parts = _parts(args, forecaster)
        if parts.warning:
            print(f"lengthwise: WARNING: {parts.warning}", file=sys.stderr)
        found = study(forecaster, parts)
        _print(found)
        if args.out is not None:
            _write(args, found, parts, forecaster)
    except (ArtefactError, DataError, PlotsError, OSError) as error:
        return bad_input(str(error))
    return 0


def _parts(args: argparse.Namespace, forecaster: Predictor) -> Split:
    if args.split != "test":
        return split(sources.read_all(args.data), forecaster.manifest, args.split)
    # No training reads a test split, so nothing of it was seen; the baselines learn elsewhere.
    test = sources.read_all(args.data, test=True)
    try:
        training = sources.read_all(args.data)
    except DataError:  # the test split is all that there is
        training = test
    return Split(measured=test, training=training, seen=0, warning="")


def _print(found: Study) -> None:
    for table in tables(found):
        print(f"\n{table.title}\n\n{table.markdown()}")
    print("", *EXPLAINED, sep="\n")


def _write(args: argparse.Namespace, found: Study, parts: Split, forecaster: Predictor) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    images = plots.draw(found)
    facts = _facts(args, parts, forecaster)
    text = page(facts, parts.warning, tables(found), images)
    files = {
        **images,
        "metrics.json": _json(found, dict(facts), parts),
        "index.html": text.encode(),
    }
    for name, data in files.items():
        _whole(args.out / name, data)
    print(f"\n{args.out / 'index.html'}")


def _facts(args: argparse.Namespace, parts: Split, forecaster: Predictor) -> list[tuple[str, str]]:
    model = args.model_dir.name if args.model_dir else "the one that ships"
    return [
        ("Model", f"{model}, made {forecaster.manifest.get('created', 'at an unknown time')}"),
        ("Tier", args.tier),
        ("Data", ", ".join(path.resolve().name for path in args.data)),
        (
            "Measured on",
            f"{len(parts.measured.tokens):,} answers to {len(parts.measured.texts):,} prompts "
            f"({args.split})",
        ),
    ]


def _json(found: Study, facts: dict[str, str], parts: Split) -> bytes:
    whole: dict[str, Any] = {
        "facts": facts,
        "warning": parts.warning,
        "mean": found.mean,
        "models": found.models,
        "corpora": found.corpora,
        "routes": found.routes,
    }
    return json.dumps(_plain(whole), indent=2, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """``value`` with null for what could not be told: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _whole(path: Path, data: bytes) -> None:
    stage = path.with_name(f".{path.name}.part")
    stage.write_bytes(data)
    os.replace(stage, path)
