"""What refits learn of a deployment's own words, with and without texts in the log.

    python -m tests.bench.refit_words --data DIR [--model-dir MODEL] [--streams 4] [--answers 1500]

Prompts and answers are CASTILLO's, held out of the training of MODEL. Each prompt ends with a line
that names one of 40 types of tickets by a made-up word. In one half of the table the type makes
the answer longer or shorter by a factor of two; in the other it means nothing. The next 200
requests are served by the version that is current after the refit, with an adaptive layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.data.records import Records
from predictor.evaluation.scores import kendall_tau
from predictor.fast.predictor import DEFAULT
from tests.bench.refits import AFTER, Made, Refitted, held_requests, refitted, requests, served_tau

TYPES, APART = 40, float(np.log(2))
_STARTS, _MIDDLES = (
    ("ba", "do", "ki", "lu", "me", "no", "ra", "si"),
    ("vun", "tep", "gor", "zil", "fam"),
)


def typed(made: Made, rng: np.random.Generator, apart: float) -> Made:
    """The requests ``made`` with a type each, which moves a length by ``apart`` log tokens."""
    names = [start + middle for middle in _MIDDLES for start in _STARTS]
    moves = rng.permutation(np.repeat([apart, -apart], TYPES // 2))
    out = []
    for prompt, tokens in made:
        kind = int(rng.integers(TYPES))
        text = f"{prompt.text}\n\nTicket type: {names[kind]}"
        length = max(1.0, float(np.rint(tokens * np.exp(moves[kind]))))
        out.append((replace(prompt, text=text), length))
    return out


def line(one: Refitted, means: str, texts: str) -> str:
    """A line of the table for a refit."""
    rows = one.traffic.where(one.later)
    raw = [
        kendall_tau(a.raw_forecasts(rows).location, rows.tokens) for a in (one.before, one.after)
    ]
    served = [served_tau(a, one.traffic, one.later) for a in (one.before, one.after)]
    kind = one.after.manifest.get("online", {}).get("candidate", "")
    action = f"{one.action}: {kind}" if kind else one.action
    figures = f"{raw[0]:.3f} to {raw[1]:.3f} | {served[0]:.3f} to {served[1]:.3f}"
    return f"| {means} | {texts} | {action} | {figures} |"


def lines(model: Path, held: Records, streams: int, answers: int) -> Iterator[str]:
    """Each stream with and without texts, first with types that mean something."""
    for apart, means in ((APART, "a factor of two"), (0.0, "nothing")):
        for seed in range(streams):
            rng = np.random.default_rng([seed, 40])
            made = typed(requests(held, answers + AFTER, rng, think=False), rng, apart)
            for texts in (False, True):
                one = refitted(model, made, texts=texts)
                yield line(one, means, "yes" if texts else "no")


def main() -> None:
    """Print a line for each refit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=DEFAULT)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--answers", type=int, default=1500)
    args = parser.parse_args()
    held = held_requests(args.data, args.model_dir)
    print("| types mean | texts | refit | tau without a layer, before to after | as served |")
    print("|---|---|---|---|---|")
    for row in lines(args.model_dir, held, args.streams, args.answers):
        print(row, flush=True)


if __name__ == "__main__":
    main()
