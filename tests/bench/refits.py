"""What refits do to forecasts as served: promotions without a true gain, and modes told apart.

    python -m tests.bench.refits --data DIR [--model-dir MODEL] [--refits 30] [--answers 800] \
        [--texts]

Prompts and answers are CASTILLO's, held out of the training of MODEL (default: the model that
ships). Without a true gain: the answers are CASTILLO's own, to a model trained on. A mode: half of
the requests think, and their answers are longer by a factor of about 4.7. After each refit, both
versions serve 200 more requests, each with an adaptive layer that has learned from the log.
``--texts``: the log holds texts, so that refits learn words, too.

The layer alone: the same traffic without a refit. The layer has learned from 300 answers and learns
on through the 200 requests that are measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from predictor import LengthPredictor, Prompt
from predictor.arrays import Flags
from predictor.data import castillo, splits
from predictor.data.records import Records
from predictor.evaluation.scores import kendall_tau
from predictor.fast.predictor import DEFAULT
from predictor.features.model_names import canonical
from predictor.refit.as_served import served_forecasts
from predictor.refit.compare import Comparison, compare_served
from predictor.refit.editable import EditableArtefact
from predictor.refit.refit import refit
from predictor.refit.traffic import LoggedTraffic
from tests.predictor.traffic import log_answers, logged_traffic

AFTER = 200
"""Requests served after each refit."""

EARLY = 300
"""Answers from which a layer alone has learned."""

LONGER, SPREAD = 1.55, 0.35  # log tokens by which an answer with thinking is longer

Made = list[tuple[Prompt, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A refit: its action, both versions as served afterwards, and medians by thinking or not.

    ``medians`` are pairs of forecast and true medians of what the new version served.
    """

    action: str
    served: Comparison
    medians: dict[bool, tuple[float, float]]


def requests(held: Records, count: int, rng: np.random.Generator, *, think: bool) -> Made:
    """Requests to one model with CASTILLO's answers; with ``think``, every second one thinks."""
    model = int(rng.integers(len(held.models)))
    rows = rng.choice(np.flatnonzero((held.model == model) & ~held.censored), size=count)
    made = []
    for row in rows.tolist():
        thinks = think and bool(rng.integers(2))
        longer = LONGER + SPREAD * rng.standard_normal() if thinks else 0.0
        text = held.texts[held.prompt[row]]
        prompt = Prompt(held.models[model], text, reasoning=float(thinks) if think else None)
        made.append((prompt, float(np.rint(held.tokens[row] * np.exp(longer)))))
    return made


@dataclass(frozen=True, slots=True)
class Refitted:
    """A refit's action, the versions before and after, and the traffic; ``later`` is measured."""

    action: str
    before: EditableArtefact
    after: EditableArtefact
    traffic: LoggedTraffic
    later: Flags


def refitted(model: Path, made: Made, *, texts: bool) -> Refitted:
    """Refit ``model`` on all but the last ``AFTER`` requests; ``texts``: the log holds texts."""
    predictor = LengthPredictor.load(model)
    with TemporaryDirectory() as folder:
        log, store = Path(folder) / "log", Path(folder) / "store"
        log_answers(log, predictor, made[:-AFTER], keep_text=texts)
        action = refit(log, store, model=model).action
        log_answers(log, predictor, made[-AFTER:], start=2e9, seed=1, keep_text=texts)
        traffic, later = logged_traffic(log, predictor), _last(len(made))
        before, after = EditableArtefact.read(model), EditableArtefact.read(store / "current")
        return Refitted(action, before, after, traffic, later)


def outcome(model: Path, made: Made, *, texts: bool = False) -> Outcome:
    """Refit ``model`` on all but the last ``AFTER`` requests, then serve those by both versions."""
    one = refitted(model, made, texts=texts)
    served = compare_served(one.before, one.after, one.traffic, one.later)
    return Outcome(one.action, served, _medians(one.after, one.traffic, one.later, made[-AFTER:]))


def alone(model: Path, made: Made) -> tuple[dict[bool, tuple[float, float]], float]:
    """The medians (see ``Outcome``) and tau of the last ``AFTER`` requests, without a refit."""
    predictor, later = LengthPredictor.load(model), _last(len(made))
    with TemporaryDirectory() as folder:
        log_answers(Path(folder), predictor, made)
        traffic = logged_traffic(Path(folder), predictor)
    artefact = EditableArtefact.read(model)
    tau = served_tau(artefact, traffic, later)
    return _medians(artefact, traffic, later, made[-AFTER:]), tau


def served_tau(artefact: EditableArtefact, traffic: LoggedTraffic, later: Flags) -> float:
    """Kendall's tau of the lengths and the typical forecasts of ``later`` requests, as served."""
    served = served_forecasts(artefact, traffic, later)
    typical = np.array([forecast.length.geometric_mean for forecast in served])
    return kendall_tau(typical, traffic.tokens[later])


def held_requests(data: Path, model: Path) -> Records:
    """CASTILLO's answers to prompts held out of the training of ``model``, of models it knows."""
    records = castillo.read_castillo(data)
    trained = set(map(canonical, LengthPredictor.load(model).manifest["models"]))
    known = [name for name in records.models if canonical(name) in trained] or records.models
    out = splits.held_out(records, splits.holdout_threshold(records, 1000))
    return records.of_prompts(out).of_models(known)


def _last(count: int) -> Flags:
    """Which of ``count`` requests are among the last ``AFTER``."""
    return np.arange(count) >= count - AFTER


def _medians(
    artefact: EditableArtefact, traffic: LoggedTraffic, later: Flags, made: Made
) -> dict[bool, tuple[float, float]]:
    said = np.array([f.length.quantile(0.5) for f in served_forecasts(artefact, traffic, later)])
    came = np.array([tokens for _, tokens in made])
    thinks = np.array([prompt.reasoning == 1.0 for prompt, _ in made])
    return {
        bool(mode): (float(np.median(said[thinks == mode])), float(np.median(came[thinks == mode])))
        for mode in np.unique(thinks)
    }


def outcomes(
    model: Path, held: Records, count: int, answers: int, *, think: bool, texts: bool
) -> Iterator[str]:
    """A line of a Markdown table for each refit."""
    for seed in range(count):
        rng = np.random.default_rng([seed, think])
        one = outcome(model, requests(held, answers + AFTER, rng, think=think), texts=texts)
        served = one.served
        yield (
            f"| {'half thinks' if think else 'no true gain'} | {one.action} "
            f"| {served.first_crps:.1f} | {served.second_crps:.1f} "
            f"| {served.low:.1f} to {served.high:.1f} | {_of_true(one.medians)} |"
        )


def alone_lines(model: Path, held: Records, count: int) -> Iterator[str]:
    """A line of a Markdown table for each stream that a layer alone serves."""
    for seed in range(count):
        rng = np.random.default_rng([seed, EARLY])
        medians, tau = alone(model, requests(held, EARLY + AFTER, rng, think=True))
        yield f"| {_of_true(medians)} | {_apart(medians):.0%} | {tau:.3f} |"


def _of_true(medians: dict[bool, tuple[float, float]]) -> str:
    return "; ".join(f"{said:.0f} of {came:.0f}" for said, came in medians.values())


def _apart(medians: dict[bool, tuple[float, float]]) -> float:
    """How far the worse forecast median is from the true one, as a share of it."""
    return max(abs(said / came - 1) for said, came in medians.values())


def main() -> None:
    """Print a line for each refit, and how many were promoted without a true gain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=DEFAULT)
    parser.add_argument("--refits", type=int, default=30)
    parser.add_argument("--thinking", type=int, default=4, help="refits with half of it thinking")
    parser.add_argument("--alone", type=int, default=8, help="streams that a layer alone serves")
    parser.add_argument("--texts", action="store_true", help="the log holds the prompts' texts")
    parser.add_argument("--answers", type=int, default=800)
    args = parser.parse_args()
    held = held_requests(args.data, args.model_dir)
    print("| layer alone: medians served of true | apart | tau |\n|---|---|---|")
    for line in alone_lines(args.model_dir, held, args.alone):
        print(line, flush=True)
    print("\n| traffic | refit | CRPS before | after | gain, 99.8 % | medians served of true |")
    print("|---|---|---|---|---|---|")
    lines = []
    for think, count in ((True, args.thinking), (False, args.refits)):
        answers = 1500 if think else args.answers
        for line in outcomes(args.model_dir, held, count, answers, think=think, texts=args.texts):
            print(line, flush=True)
            lines += [line] * (not think)
    promoted = sum("| promoted |" in line for line in lines)
    print(f"\n{promoted} of {len(lines)} refits without a true gain were promoted.")


if __name__ == "__main__":
    main()
