"""Kinds of traffic: what licences cost, and what is forecast for a kind that training lacks.

    python -m tests.bench.kinds [--data DIR] [--train licensed all KIND ...] [--licensed-only]

Trains the fast tier on the prompts that are not held out: on the rows that a published model may
learn from ("licensed"), on "all" rows, and on all rows without one KIND, of which all prompts are
then measured. By default each kind is left out in turn. ``--licensed-only`` leaves a KIND out of
the licensed rows, as a model that is published would lack it; kinds without such rows are skipped.
``--hasty`` fits a third of the trees.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor.arrays import Flags
from predictor.data import castillo, other_models, sources, splits
from predictor.data.kinds.licences import SOURCES
from predictor.data.records import Records
from predictor.evaluation.forecasts import forecasts_by_model
from predictor.evaluation.kinds import CASTILLO, kind_of, metrics_by_kind
from predictor.evaluation.metrics import Metrics
from predictor.evaluation.table import kinds_table
from predictor.fast.predictor import Predictor
from predictor.training import fast
from predictor.training.train import HOLDOUT
from tests.castillo import needed_data

LICENSED, ALL = "licensed", "all"
_SEEN = 400  # held-out prompts of a kind that are measured, at most


def measured(records: Records, out: Flags) -> Records:
    """The held-out prompts to measure on: at most ``_SEEN`` of each kind.

    Their order is by number and text: the later turns of agents share few texts.
    """
    keep = np.zeros(len(out), dtype=np.bool_)
    for kind in sorted({kind_of(str(corpus)) for corpus in records.corpus}):
        prompts = np.flatnonzero(out & of_kind(records, kind))
        order = sorted(
            prompts, key=lambda prompt: splits.digest(f"{prompt} {records.texts[prompt]}")
        )
        keep[order[:_SEEN]] = True
    return records.of_prompts(keep)


def of_kind(records: Records, kind: str) -> Flags:
    """Which prompts (P) are of the kind."""
    return np.array([kind_of(str(corpus)) == kind for corpus in records.corpus], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Fit:
    """How the fast tier is fitted; ``hasty``: with a third of the trees."""

    folder: Path
    threads: int = 1
    hasty: bool = False

    def to(self, records: Records, held: Records) -> Predictor:
        """The fast tier fitted on ``records``, without other models' answers to ``held``."""
        effects = other_models.read(self.folder, held.texts)
        return fast.fit(records, effects, threads=self.threads, hasty=self.hasty).predictor({})


def run(fit: Fit, what: Sequence[str], *, licensed_only: bool = False) -> Iterator[str]:
    """The tables as Markdown; for the kinds left out in turn there is one table, the last."""
    records = sources.read_all([fit.folder])
    out = splits.held_out(records, splits.threshold_for(records, HOLDOUT))
    training, held = records.of_samples(~out[records.prompt]), measured(records, out)
    free = castillo.licensed(training, fit.folder)
    base = free if licensed_only else training
    left_out: dict[str, Metrics] = {}
    for name in what:
        started = time.perf_counter()
        if name in (LICENSED, ALL):
            rows = free if name == LICENSED else training
            found = _measure(fit.to(rows, held), held)
            yield _text(f"Trained on {name} rows", found)
        elif (of := of_kind(base, name)[base.prompt]).any():
            alone = measured(records, of_kind(records, name))
            found = _measure(fit.to(base.of_samples(~of), alone), alone)
            left_out |= found
            print(_text(f"Without {name}", found), file=sys.stderr)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    yield _text(f"Each kind left out of the {LICENSED if licensed_only else ALL} rows", left_out)


def _measure(predictor: Predictor, records: Records) -> dict[str, Metrics]:
    return metrics_by_kind(list(forecasts_by_model(predictor, records)), records)


def _text(title: str, found: dict[str, Metrics]) -> str:
    return f"## {title}\n\n{kinds_table(found).markdown()}\n" if found else ""


def main() -> int:
    """Train, measure, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", nargs="*", default=[LICENSED, ALL, CASTILLO, *SOURCES])
    parser.add_argument("--licensed-only", action="store_true")
    parser.add_argument("--hasty", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    texts = []
    fit = Fit(args.data or needed_data(), args.threads, args.hasty)
    for text in run(fit, args.train, licensed_only=args.licensed_only):
        print(text, flush=True)
        texts.append(text)
    if args.write is not None:
        args.write.write_text("\n".join(texts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
