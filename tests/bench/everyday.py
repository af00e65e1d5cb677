"""Everyday requests: is the forecast where a capable model's answer plausibly is?

    python -m tests.bench.everyday FILE [--model-dir DIR] [--misses]

Each line of FILE is a JSON object with a request ``body``, a ``tag``, and the range ``lo`` to
``hi`` in which the median length of the answer plausibly lies, in tokens.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from predictor.arrays import Array
from predictor.artefact.format import ArtefactError
from predictor.evaluation import scores
from predictor.evaluation.table import Table
from predictor.fast.predictor import Predictor
from predictor.features.definition import Prompt
from predictor.refined.tiers import TIERS, load_predictor


@dataclass(frozen=True, slots=True)
class Everyday:
    """Forecasts of n requests: ``low``, ``median`` and ``high`` (10, 50 and 90 %), and ranges."""

    tags: list[str]
    low: Array
    median: Array
    high: Array
    least: Array
    most: Array

    @property
    def factor(self) -> Array:
        """The factor by which each median is outside its range (n); 1 inside."""
        outside = np.maximum(self.least / self.median, self.median / self.most)
        return np.maximum(1.0, outside)

    @property
    def missed(self) -> Array:
        """Whether each 80 % interval lies outside the range (n)."""
        return np.asarray((self.high < self.least) | (self.low > self.most))

    def summary(self) -> tuple[str, ...]:
        """Medians in range, intervals that miss it, and the 90th percentile of the factor."""
        return (
            f"{int(np.sum(self.factor == 1))} of {len(self.tags)}",
            f"{int(np.sum(self.missed))}",
            f"{np.quantile(self.factor, 0.9):.2f}",
        )


def read(file: Path) -> list[dict[str, Any]]:
    """The requests in ``file`` with their ranges."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def measure(predictor: Predictor, requests: Sequence[dict[str, Any]]) -> Everyday:
    """The forecasts of ``requests``, cut at their ``max_tokens``."""
    prompts = [Prompt.from_request(request["body"]) for request in requests]
    return of_atoms(requests, prompts, *predictor.atoms(prompts))


def of_atoms(
    requests: Sequence[dict[str, Any]], prompts: Sequence[Prompt], atoms: Array, mass: Array
) -> Everyday:
    """As ``measure``, from the n forecasts' ``atoms`` and ``mass`` (n x m)."""
    limits = np.array([prompt.max_tokens or np.inf for prompt in prompts])
    low, median, high = (
        np.minimum(scores.quantile(atoms, mass, level), limits) for level in (0.1, 0.5, 0.9)
    )
    return Everyday(
        tags=[str(request["tag"]) for request in requests],
        low=low,
        median=median,
        high=high,
        least=np.array([float(request["lo"]) for request in requests]),
        most=np.array([float(request["hi"]) for request in requests]),
    )


def misses(found: Everyday) -> Table:
    """The requests whose median is outside the range, the farthest first."""
    rows: list[tuple[str, ...]] = []
    for at in np.argsort(-found.factor, kind="stable"):
        if found.factor[at] > 1:
            forecast = f"{found.median[at]:.0f} ({found.low[at]:.0f}-{found.high[at]:.0f})"
            wanted = f"{found.least[at]:.0f}-{found.most[at]:.0f}"
            rows.append((found.tags[at], wanted, forecast, f"{found.factor[at]:.2f}"))
    return Table("Medians outside", ("request", "range", "forecast", "factor"), rows)


def main() -> int:
    """Print the summary by tier, with --misses the medians outside as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--misses", action="store_true")
    args = parser.parse_args()
    requests, more = read(args.file), []
    rows: list[tuple[str, ...]] = []
    for tier in TIERS:
        try:
            found = measure(load_predictor(args.model_dir, tier), requests)
        except ArtefactError as error:
            print(f"{tier}: {error}")
            continue
        rows.append((tier, *found.summary()))
        more.append(f"\n{tier}\n\n{misses(found).markdown()}")
    columns = ("tier", "median in range", "intervals missing", "p90 of the factor outside")
    print(Table("Everyday requests", columns, rows).markdown())
    print(*(more if args.misses else []), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
