"""How well the gateway weighs requests: its KV forecast beside what an emulated engine holds.

    python -m tests.bench.kv_weight [--seeds 20] [--requests 80] [--speed 4] [--out DIR] [--check]

Each seed is a run of its own: a gateway that has learned nothing yet, before an emulated worker of
64,000 KV tokens and 64 sequences, gets requests of all kinds and APIs (``mixed_requests``) as a
Poisson process. The engine counts prompts with its own tokenizer, image sizes and template, and
says nothing of them but in the usage of its answers.

Which forecast is compared with which peak: the peak is the most that the engine held in the run, in
whole KV blocks. The forecast is the scheduler's, in tokens, of the peak of all requests that it had
sent to the worker (``Worker.kv_peak``, with and without its margin of standard deviations), taken
right after the last admission all of whose sequences had entered the engine by then: so both are of
the same requests. A forecast beyond the cache counts as the cache.

Beside these, every 0.1 s until the last request comes: the gateway's count of what is held now over
what the engine holds, where that is a tenth of its cache or more; and the time in which a request
waits in the gateway, and none is on its way to the engine, while slots and memory are free. Memory
is free if, with that request, the engine would never hold more than three quarters of the cache, by
the true lengths of prompts and answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from predictor import LengthPredictor
from predictor.threads import one_thread
from tests.bench.engine_watch import peak
from tests.bench.kv_weight_run import ENGINE, Observed, Waiting, observe

TOLERANCE = 0.25
"""Part of the peak by which a forecast may miss it."""
FREE_SHARE = 0.75
"""Share of the cache that may be held at most, for its memory to count as free."""


@dataclass(frozen=True, slots=True)
class Row:
    """One seed's figures; shares are parts of 1."""

    seed: int
    requests: int
    peak_share: float
    """The engine's peak over its cache."""
    error: float
    """Expected peak over the engine's, less 1."""
    error_with_margin: float
    count_median: float
    count_off: float
    """95th percentile of how far the count is off, as a part of what is held."""
    estimates_off: float
    """80th percentile of how far the estimate of a prompt's tokens is off, as a part of them."""
    queued: float
    """Share of the time in which requests waited."""
    queued_while_free: float
    """Share of the time in which one waited, now and 0.1 s before, while slots and memory were
    free."""
    preemptions: int


def judged(seed: int, observed: Observed) -> Row:
    """The figures of a run."""
    watch = observed.watch
    most = max(watch.states, key=lambda state: state.used)
    admission = [
        one for one in observed.admissions if one.at <= most.at and one.sequences <= most.entered
    ][-1]
    counts = np.array(observed.counts or [1.0])
    pairs = [(observed.estimates[name], true) for name, (true, _) in observed.answered.items()]
    estimates = [abs(estimate / true - 1) for estimate, true in pairs]
    free = [is_free(moment, watch.capacity, observed) for moment in observed.waiting]
    again = [one.job == before.job for before, one in pairwise(observed.waiting)]
    kept = sum(
        before and now and same for before, now, same in zip(free, free[1:], again, strict=False)
    )
    return Row(
        seed=seed,
        requests=len(observed.answered),
        peak_share=most.used / watch.capacity,
        error=min(admission.expected, watch.capacity) / most.used - 1,
        error_with_margin=min(admission.with_margin, watch.capacity) / most.used - 1,
        count_median=float(np.median(counts)),
        count_off=float(np.quantile(np.abs(counts - 1), 0.95)),
        estimates_off=float(np.quantile(estimates, 0.8)),
        queued=len(observed.waiting) / max(1, observed.moments),
        queued_while_free=kept / max(1, observed.moments),
        preemptions=watch.engine.preemptions,
    )


def is_free(moment: Waiting, capacity: int, observed: Observed) -> bool:
    """Whether the engine had room for the request that waited."""
    prompt, output = observed.answered[moment.job.rsplit("-", 1)[0]]
    if moment.inside >= ENGINE.max_num_seqs:
        return False
    return peak([*moment.coming, (prompt, output)]) <= FREE_SHARE * capacity


COLUMNS = (
    ("seed", "{seed}"),
    ("engine's peak, of its cache", "{peak_share:.2f}"),
    ("expected peak, off by", "{error:+.1%}"),
    ("with margin, off by", "{error_with_margin:+.1%}"),
    ("held now, median", "{count_median:.2f}"),
    ("held now, 95 % within", "{count_off:.0%}"),
    ("estimates, 80 % within", "{estimates_off:.0%}"),
    ("queued", "{queued:.1%}"),
    ("queued while free", "{queued_while_free:.1%}"),
    ("preempted", "{preemptions}"),
)


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line for each seed, and how many forecasts are within the tolerance."""
    lines = ["| " + " | ".join(name for name, _ in COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(form.format(**asdict(row)) for _, form in COLUMNS) + " |")
    inside = sum(abs(row.error) <= TOLERANCE for row in rows)
    with_margin = sum(abs(row.error_with_margin) <= TOLERANCE for row in rows)
    lines.append(
        f"\nWithin {TOLERANCE:.0%} of the engine's peak: {inside} of {len(rows)} expected peaks, "
        f"{with_margin} of {len(rows)} with margin."
    )
    return "\n".join(lines)


def main() -> None:
    """Run every seed, print the table, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=80)
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--out", type=Path, help="folder for kv_weight.md and kv_weight.json")
    parser.add_argument("--check", action="store_true", help="fail if the claim does not hold")
    args = parser.parse_args()
    one_thread()
    model, rows = LengthPredictor.load(), []
    for seed in range(args.first, args.first + args.seeds):
        observed = asyncio.run(observe(seed, args.requests, args.speed, model))
        rows.append(judged(seed, observed))
        print(rows[-1], file=sys.stderr, flush=True)
    print(table(rows))
    if args.out:
        (args.out / "kv_weight.md").write_text(table(rows) + "\n")
        (args.out / "kv_weight.json").write_text(json.dumps([asdict(r) for r in rows], indent=1))
    if args.check:
        missed = sum(abs(row.error) > TOLERANCE for row in rows)
        assert missed <= len(rows) // 20, f"{missed} of {len(rows)} forecasts are off"
        assert not any(row.queued_while_free for row in rows), "a queue while memory is free"


if __name__ == "__main__":
    main()
