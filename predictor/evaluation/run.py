"""``lengthwise evaluate``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any

from predictor.artefact.format import ArtefactError
from predictor.data import sources
from predictor.data.records import DataError
from predictor.evaluation import plots
from predictor.evaluation.held_out import Split, split
from predictor.evaluation.page import page
from predictor.evaluation.plot_style import PlotsError, require_matplotlib
from predictor.evaluation.study import Evaluation, study
from predictor.evaluation.table import EXPLANATIONS, tables
from predictor.exit_codes import bad_input
from predictor.fast.predictor import Predictor
from predictor.files import check_folder, write_atomically
from predictor.refined import tiers


def run(args: argparse.Namespace) -> int:
    """Print the tables to stdout; with --out write page, plots and metrics.json.

    Returns the exit code: 0, or 2 for bad input.
    """
    try:
        if args.out is not None:
            require_matplotlib(", or leave out --out for the tables alone")
            check_folder(args.out)
        predictor = tiers.load_predictor(args.model_dir, args.tier)
        parts = _split(args, predictor)
        if parts.warning:
            print(f"lengthwise: WARNING: {parts.warning}", file=sys.stderr)
        result = study(predictor, parts)
        if args.out is not None:  # before the output, which may be closed
            _write(args, result, parts, predictor)
        _print(result)
        if args.out is not None:
            print(f"\n{args.out / 'index.html'}")
    except (ArtefactError, DataError, PlotsError, OSError) as error:
        return bad_input(error)
    return 0


def _split(args: argparse.Namespace, predictor: Predictor) -> Split:
    if args.split != "test":
        return split(sources.read_all(args.data), predictor.manifest, args.split)
    # Training never reads a test split. The baselines learn from the other splits.
    test = sources.read_all(args.data, test=True)
    try:
        training = sources.read_all(args.data)
    except DataError:  # there is only the test split
        training = test
    return Split(measured=test, training=training, warning="")


def _print(result: Evaluation) -> None:
    for table in tables(result):
        print(f"\n{table.title}\n\n{table.markdown()}")
    print("", *(f"{term}: {meaning}" for term, meaning in EXPLANATIONS), sep="\n")


def _write(
    args: argparse.Namespace, result: Evaluation, parts: Split, predictor: Predictor
) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    images = plots.draw(result)
    facts = _facts(args, parts, predictor)
    text = page(facts, parts.warning, tables(result), images)
    files = {
        **images,
        "metrics.json": _json(result, dict(facts), parts),
        "index.html": text.encode(),
    }
    for name, data in files.items():
        write_atomically(args.out / name, data)


def _facts(args: argparse.Namespace, parts: Split, predictor: Predictor) -> list[tuple[str, str]]:
    model = args.model_dir.name if args.model_dir else "the model that ships"
    return [
        ("Model", f"{model}, made {predictor.manifest.get('created', 'at an unknown time')}"),
        ("Tier", args.tier),
        ("Data", ", ".join(path.resolve().name for path in args.data)),
        (
            "Measured on",
            f"{len(parts.measured.tokens):,} answers to {len(parts.measured.texts):,} prompts "
            f"({args.split})",
        ),
    ]


def _json(result: Evaluation, facts: dict[str, str], parts: Split) -> bytes:
    content: dict[str, Any] = {
        "facts": facts,
        "warning": parts.warning,
        "kinds": result.kinds,
        "mean": result.mean,
        "models": result.models,
        "corpora": result.corpora,
        "routes": result.routes,
    }
    return json.dumps(_without_nan(content), indent=2, allow_nan=False).encode() + b"\n"


def _without_nan(value: Any) -> Any:
    """``value`` with null in place of NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
