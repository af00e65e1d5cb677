"""Measuring a predictor on prompts that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.fast.inputs import ROUTES
from predictor.fast.predictor import Predictor
from predictor.features.definition import Prompt
from predictor.raw_forecast import CAP_TOKENS

MEAN = "mean"
"""Name of the line that averages over the models."""

_MARGINAL_ATOMS = 200
_LONGEST = 0.1
_DRAWS = 10

Metrics = dict[str, dict[str, float | str]]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts for one model, and what came of them.

    Of each of n prompts: ``atoms`` and ``mass`` (n x m, tokens and probabilities), ``corpus`` and
    ``chars``. Of each of k samples: ``prompt`` (0..n-1, increasing), ``tokens`` and ``censored``.
    """

    model: str
    route: str
    atoms: Array
    mass: Array
    corpus: NDArray[np.str_]
    chars: Indices
    prompt: Indices
    tokens: Array
    censored: Flags

    def __len__(self) -> int:
        return len(self.atoms)

    def of(self, keep: Flags) -> Forecasts:
        """Those of the prompts marked in ``keep`` (n)."""
        rows = keep[self.prompt]
        return replace(
            self,
            atoms=self.atoms[keep],
            mass=self.mass[keep],
            corpus=self.corpus[keep],
            chars=self.chars[keep],
            prompt=(np.cumsum(keep) - 1)[self.prompt[rows]],
            tokens=self.tokens[rows],
            censored=self.censored[rows],
        )

    def quantile(self, level: float) -> Array:
        """The forecasts' quantile in tokens (n)."""
        return scores.quantile(self.atoms, self.mass, level)

    def typical(self) -> Array:
        """The forecasts' geometric mean in tokens (n): what orders jobs."""
        return scores.typical(self.atoms, self.mass)

    def scored(self) -> tuple[Array, Array, Array]:
        """Atoms and masses (k x m) to score each sample with, and the lengths (k) to score against.

        Of a sample that was cut at c tokens only min(length, c) is known, so min(forecast, c) is
        what it scores; beyond the last atom forecasts tell nothing, so c is at most that.
        """
        limit = np.where(self.censored, np.minimum(self.tokens, CAP_TOKENS), np.inf)
        atoms = np.minimum(self.atoms[self.prompt], limit[:, None])
        return atoms, self.mass[self.prompt], np.minimum(self.tokens, limit)


def forecasts(forecaster: Predictor, records: Records) -> Iterator[Forecasts]:
    """The forecasts for each model of ``records`` with samples of two prompts or more."""
    for at, name in enumerate(records.models):
        rows = np.flatnonzero(records.model == at)
        rows = rows[np.argsort(records.prompt[rows], kind="stable")]
        prompts, number = np.unique(records.prompt[rows], return_inverse=True)
        if len(prompts) < 2:
            continue
        texts = [records.texts[i] for i in prompts]
        atoms, mass = forecaster.atoms([Prompt(name, text) for text in texts])
        yield Forecasts(
            model=name,
            route=ROUTES[forecaster.match(name).route],
            atoms=atoms,
            mass=mass,
            corpus=records.corpus[prompts],
            chars=np.array([len(text) for text in texts], dtype=np.intp),
            prompt=number,
            tokens=records.tokens[rows],
            censored=records.censored[rows],
        )


def measure(predictor: Predictor, records: Records, *, seed: int = 0) -> Metrics:
    """Figures for each model of ``records`` (see ``figures``), and first their mean."""
    rng = np.random.default_rng(seed)
    lines: Metrics = {}
    for made in forecasts(predictor, records):
        lines[made.model] = {**figures(made, rng), "route": made.route}
    return {MEAN: dict(mean_of(list(lines.values()))), **lines}


def mean_of(lines: Sequence[Mapping[str, float | str]]) -> dict[str, float]:
    """The figures averaged over several lines, as far as they are known."""
    keys = [key for key, value in (lines[0] if lines else {}).items() if not isinstance(value, str)]
    mean: dict[str, float] = {}
    for key in keys:
        known = [float(line[key]) for line in lines if not np.isnan(float(line[key]))]
        mean[key] = round(float(np.mean(known)), 4) if known else float("nan")
    return mean


def figures(made: Forecasts, rng: np.random.Generator) -> dict[str, float]:
    """What forecasts for one model are worth.

    ``tau``: Kendall's tau-b of the typical forecast against one random sample of each prompt, the
    mean over ``_DRAWS`` draws of them; ``ceiling``: that of the median of the prompt's other
    samples; ``tau_chars``: that of the prompt's length in characters; ``mae``: of the median
    forecast, in tokens; ``crps`` in tokens; ``crps_skill``: 0 is the model's marginal over these
    prompts, 1 the other samples of the same prompt; ``coverage`` and ``coverage95``: of the
    central 80 and 95 %; ``recall_longest``: of the longest tenth of the samples, the share of
    prompts that are in the longest tenth by forecast.
    A censored sample scores the forecast cut at the same length; in the order it counts with it.
    NaN is what cannot be told from so few samples.
    """
    draws = [_drawn(made, rng) for _ in range(_DRAWS)]
    typical, chars = made.typical(), made.chars.astype(np.float64)

    def over(score: Callable[[Indices], float]) -> float:
        return round(float(np.mean([score(drawn) for drawn in draws])), 4)

    atoms, mass, actual = made.scored()
    crps = scores.crps(atoms, mass, actual)
    middle = np.minimum(made.quantile(0.5)[made.prompt], atoms[:, -1])
    return {
        "tau": over(lambda drawn: scores.kendall_tau(typical, made.tokens[drawn])),
        "mae": round(scores.mae(middle, actual), 1),
        "crps": round(float(crps.mean()), 1),
        "crps_skill": round(_skill(made, crps), 4),
        "coverage": round(coverage(made, 0.8), 4),
        "coverage95": round(coverage(made, 0.95), 4),
        "recall_longest": over(
            lambda drawn: scores.recall_longest(typical, made.tokens[drawn], _LONGEST)
        ),
        "ceiling": over(lambda drawn: _ceiling(made, drawn)),
        "tau_chars": over(lambda drawn: scores.kendall_tau(chars, made.tokens[drawn])),
        "prompts": float(len(made)),
    }


def _drawn(made: Forecasts, rng: np.random.Generator) -> Indices:
    """One random sample of each prompt."""
    counts = np.bincount(made.prompt, minlength=len(made))
    starts = np.cumsum(counts) - counts
    return np.asarray(starts + rng.integers(counts), dtype=np.intp)


def coverage(made: Forecasts, share: float) -> float:
    """Share of the samples within the forecasts' central interval of probability ``share``.

    A length that was cut within the interval or before it does not speak against it.
    """
    low = made.quantile((1 - share) / 2)[made.prompt]
    high = made.quantile((1 + share) / 2)[made.prompt]
    actual = made.scored()[2]
    return scores.coverage(np.where(made.censored, np.minimum(low, actual), low), high, actual)


def _ceiling(made: Forecasts, drawn: Indices) -> float:
    """Tau of the median of a prompt's other samples against the one drawn: what noise leaves."""
    other = np.ones(len(made.tokens), dtype=np.bool_)
    other[drawn] = False
    counts = np.bincount(made.prompt[other], minlength=len(made))
    known = np.flatnonzero(counts)
    if len(known) < 2:
        return float("nan")
    parts = np.split(made.tokens[other], np.cumsum(counts[known])[:-1])
    medians = np.array([np.median(part) for part in parts])
    return scores.kendall_tau(medians, made.tokens[drawn[known]])


def _skill(made: Forecasts, crps: Array) -> float:
    """CRPS between the marginal's (0) and that of a prompt's own other samples (1).

    Without repeated samples (three of a prompt) 1 is a CRPS of 0 instead.
    """
    counts = np.bincount(made.prompt, minlength=len(made))
    repeated = counts[made.prompt] >= 3
    rows = repeated if repeated.any() else np.ones(len(repeated), dtype=np.bool_)
    marginal = _marginal(made.tokens, made.tokens[rows])
    own = _own(made, counts) if repeated.any() else 0.0
    gap = marginal - own
    return (marginal - float(crps[rows].mean())) / gap if gap > 0 else 0.0


def _marginal(tokens: Array, actual: Array) -> float:
    levels = (np.arange(_MARGINAL_ATOMS) + 0.5) / _MARGINAL_ATOMS
    mass = np.full(_MARGINAL_ATOMS, 1 / _MARGINAL_ATOMS)
    atoms = np.broadcast_to(np.quantile(tokens, levels), (len(actual), _MARGINAL_ATOMS))
    return float(scores.crps(atoms, mass, actual).mean())


def _own(made: Forecasts, counts: Indices) -> float:
    """Mean CRPS of a prompt's other samples, prompts with equally many samples at a time."""
    total = number = 0.0
    for size in np.unique(counts[counts >= 3]):
        samples = made.tokens[counts[made.prompt] == size].reshape(-1, size)
        for at in range(size):
            others = np.delete(samples, at, axis=1)
            total += float(scores.crps_of_samples(others, samples[:, at]).sum())
        number += samples.size
    return total / number


def by_corpus(predictor: Predictor, records: Records, *, seed: int = 0) -> dict[str, float]:
    """Kendall's tau within each corpus, mean over the models."""
    taus: dict[str, float] = {}
    for corpus in np.unique(records.corpus):
        part: Flags = records.corpus == corpus
        lines = measure(predictor, records.of_prompts(part), seed=seed)
        taus[str(corpus)] = float(lines[MEAN].get("tau", float("nan")))
    return taus
