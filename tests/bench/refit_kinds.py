"""What a refit makes of traffic of kinds that the model was not trained on.

    python -m tests.bench.refit_kinds --data DIR [--model-dir MODEL] [--answers 1500]

Each kind is a set without a row that a published model may learn from, with the answers of all its
models. A refit learns from the log; then both versions forecast requests with other prompts, before
an adaptive layer ("raw") and as served.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from predictor.arrays import Flags
from predictor.data import castillo, sources
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.fast.inputs import UNFAMILIAR
from predictor.fast.predictor import DEFAULT
from predictor.refit.compare import compare_served, request_crps
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic
from tests.bench.kinds import of_kind
from tests.bench.refits import AFTER, Made, refitted

KINDS = ("zh_qa", "bfcl_tools", "livemcp_agents", "hh_multiturn")


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw forecasts of requests: CRPS, share inside 80 % intervals, and these intervals' factor.

    ``unfamiliar`` is the share of requests of which any feature is of no known kind.
    """

    crps: float
    coverage: float
    factor: float
    unfamiliar: float

    @classmethod
    def of(cls, artefact: EditableArtefact, traffic: LoggedTraffic) -> Raw:
        """The measures of the forecasts of ``artefact`` for ``traffic``."""
        raw = artefact.raw_forecasts(traffic)
        atoms, mass = raw.atoms()
        low, high = (scores.quantile(atoms, mass, level) for level in (0.1, 0.9))
        inside = (traffic.tokens >= low) & (traffic.tokens <= high)
        return cls(
            float(np.mean(request_crps(raw, traffic))),
            float(np.mean(inside[traffic.ended])),
            float(np.median(high / low)),
            float(np.mean(raw.inputs[:, UNFAMILIAR] > 0)),
        )

    def cells(self) -> str:
        """The measures as cells of a Markdown table."""
        return f"{self.crps:.0f} | {self.coverage:.1%} | {self.factor:.1f} | {self.unfamiliar:.0%}"


def requests(records: Records, kind: str, count: int, rng: np.random.Generator) -> Made:
    """``count`` requests of the ``kind``, then ``AFTER`` with other prompts, and their answers."""
    group = records.group[records.prompt]
    of = of_kind(records, kind)[records.prompt] & ~records.censored
    groups = rng.permutation(np.unique(group[of]))
    share = max(1, round(len(groups) * AFTER / (AFTER + count)))
    later: Flags = np.isin(group, groups[: 2 * share])
    parts = ((of & ~later, count), (of & later, AFTER))
    rows = [rng.choice(np.flatnonzero(part), size) for part, size in parts]
    return [
        (
            replace(records.prompts[records.prompt[row]], model=records.models[records.model[row]]),
            float(records.tokens[row]),
        )
        for row in np.concatenate(rows).tolist()
    ]


def line(model: Path, kind: str, made: Made) -> str:
    """A line of the table: what the refit did, and both versions' forecasts of later requests."""
    one = refitted(model, made, texts=False)
    served = compare_served(one.before, one.after, one.traffic, one.later)
    later = one.traffic.where(one.later)
    before, after = Raw.of(one.before, later), Raw.of(one.after, later)
    return (
        f"| {kind} | {one.action} | {before.cells()} | {after.cells()} "
        f"| {served.first_crps:.0f} | {served.second_crps:.0f} |"
    )


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=DEFAULT)
    parser.add_argument("--answers", type=int, default=1500)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    args = parser.parse_args()
    records = sources.read_all([args.data])
    free = castillo.licensed(records, args.data)
    print("| kind | refit | before: raw CRPS | 80 % | factor | unfamiliar ", end="")
    print("| after: raw CRPS | 80 % | factor | unfamiliar | served CRPS before | after |")
    print("|---" * 12 + "|")
    for kind in args.kinds:
        if of_kind(free, kind)[free.prompt].any():
            raise SystemExit(f"{kind} has rows that a published model may learn from")
        made = requests(records, kind, args.answers, np.random.default_rng(0))
        print(line(args.model_dir, kind, made), flush=True)


if __name__ == "__main__":
    main()
