"""How well prompts are weighed: the gateway's estimates beside the counts of real tokenizers.

    python -m tests.bench.prompt_tokens [--data DIR] [--prompts 600]

For each of CASTILLO's models, prompts arrive in random order as chat requests; each is estimated
before its count, by the model's own tokenizer and chat template, is learned. The assumed rates
(``token_rates``) were chosen on the first 1,500 prompts of this order, the next ones are measured.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from gateway.forecasting.prompt_parts import PromptParts, read_parts
from gateway.forecasting.prompt_tokens import PromptTokens
from tests.castillo import needed_data

CHOSEN_ON = 1500
WARM = 50
"""Counts after which an estimator counts as taught."""


class Figures(NamedTuple):
    """One model's figures: how far estimates are off, as parts of the counts."""

    first: float
    """Mean over the first ``WARM`` prompts."""
    bias: float
    """Mean with its sign, over the others."""
    mean: float
    worst_5: float
    """95th percentile."""
    learn_ms: float
    """Milliseconds to estimate and to learn, for each prompt."""


def figures(counted: Sequence[tuple[PromptParts, int]]) -> Figures:
    """The figures of a model whose prompts come in this order."""
    learned, off, begun = PromptTokens(), [], time.perf_counter()
    for parts, tokens in counted:
        off.append(learned.estimate(parts) / tokens - 1)
        learned.observe(parts, tokens)
    taken = 1000 * (time.perf_counter() - begun) / len(counted)
    first, rest = np.abs(off[:WARM]), np.array(off[WARM:])
    worst = float(np.quantile(np.abs(rest), 0.95))
    return Figures(
        float(first.mean()), float(rest.mean()), float(np.abs(rest).mean()), worst, taken
    )


def counts(folder: Path) -> dict[str, dict[str, int]]:
    """Prompt tokens by model and prompt."""
    columns = ["prompt_id", "model", "input_tokens_native"]
    found: dict[str, dict[str, int]] = defaultdict(dict)
    table = pq.read_table(folder / "lengths_castillo.parquet", columns=columns)
    for row in zip(*(table[name].to_pylist() for name in columns), strict=True):
        found[row[1]][row[0]] = row[2]
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of the CASTILLO files")
    parser.add_argument("--prompts", type=int, default=600)
    args = parser.parse_args()
    folder = args.data or needed_data()
    prompts = pq.read_table(folder / "prompts_castillo.parquet").to_pylist()
    random.Random(0).shuffle(prompts)
    chosen, begun = prompts[CHOSEN_ON : CHOSEN_ON + args.prompts], time.perf_counter()
    parts = {
        row["prompt_id"]: read_parts({"messages": [{"role": "user", "content": row["prompt"]}]})
        for row in chosen
    }
    read_ms = 1000 * (time.perf_counter() - begun) / len(parts)
    print("| model | first 50 | bias | mean | 95 % within | estimate and learn, ms |")
    print("|---" * 6 + "|")
    for model, tokens in sorted(counts(folder).items()):
        one = figures([(parts[id], tokens[id]) for id in parts if id in tokens])
        shares = " | ".join(f"{share:.1%}" for share in one[:-1])
        print(f"| {model} | {shares} | {one.learn_ms:.2f} |")
    print(f"\nReading a prompt's parts: {read_ms:.2f} ms.")


if __name__ == "__main__":
    main()
