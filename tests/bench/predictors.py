"""The fast tier against baselines, on prompts that no method was trained on.

    python -m tests.bench.predictors [--seed 0 --seed 1] [--leave-out] [--write FILE]

15 % of CASTILLO's ``validate`` prompts are held out, for all 13 models. ``--leave-out`` adds
predictors that have not seen the model, or the corpus: one training each, 20 in all. Each line is
printed on stderr as soon as it is measured. Tau is computed against one sample of each prompt, and
averaged over the samples; jobs are ordered by the geometric mean of a forecast. Skill is 0 for the
model's marginal distribution, and 1 for the other samples of the same prompt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.data import castillo, splits
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.fast.predictor import LengthPredictor
from predictor.features.definition import Prompt, extract
from predictor.features.surface import NAMES as LEXICAL
from predictor.raw_forecast import LEVELS, MASS
from predictor.training import fast
from predictor.training.boosters import LOCATION_SETTINGS
from predictor.training.cells import cells_of
from tests.bench.holdouts import held_out
from tests.bench.text_fit import fit_text
from tests.castillo import needed_data

Forecast = tuple[Array, Array]
"""Atoms (n x m tokens) and masses (m or n x m)."""
Method = Callable[[Indices, int], Forecast]
"""(prompts, model) -> forecasts of these held-out prompts; both are indices."""

_SHAPE = [
    LEXICAL.index(name) for name in ("log_chars", "log_words", "log_lines", "digits", "upper")
]
_DECILE = 0.9
COLUMNS = (
    "tau",
    "tau of the mean",
    "MAE",
    "CRPS",
    "skill",
    "80 %",
    "95 %",
    "recall of longest decile",
)


@dataclass(frozen=True, slots=True)
class Split:
    """Records to train on (``inside``), and to measure on (``held``)."""

    inside: Records
    held: Records

    @classmethod
    def without(cls, records: Records, out: Flags) -> Split:
        """Train without the prompts marked ``out``, and measure on them."""
        return cls(records.of_prompts(~out), records.of_prompts(out))


def fast_tier(split: Split) -> Method:
    """The fast tier, trained on ``inside``."""
    return _method(_trained(split.inside), split.held)


def _trained(records: Records) -> LengthPredictor:
    fitted = fast.fit(records, [], threads=1)
    return fitted.predictor({})


def _method(predictor: LengthPredictor, held: Records) -> Method:
    def forecast(prompts: Indices, model: int) -> Forecast:
        return predictor.atoms(
            [Prompt(held.models[model], held.texts[prompt]) for prompt in prompts]
        )

    return forecast


def model_median(split: Split) -> Method:
    """The quantiles of each model's lengths on ``validate``, the same for every prompt."""
    inside = split.inside
    rows = inside.validate[inside.prompt]
    quantiles = [
        np.quantile(inside.tokens[rows & (inside.model == model)], LEVELS)
        for model in range(len(inside.models))
    ]
    return lambda prompts, model: (np.tile(quantiles[model], (len(prompts), 1)), MASS)


def corpus_median(split: Split) -> Method:
    """The quantiles of each corpus and model: an oracle, because no request names its corpus."""
    inside = split.inside
    corpus = inside.corpus[inside.prompt]

    def forecast(prompts: Indices, model: int) -> Forecast:
        corpora = split.held.corpus[prompts]
        own = inside.model == model
        quantiles = {
            name: np.quantile(inside.tokens[own & (corpus == name)], LEVELS)
            for name in set(corpora)
        }
        return np.array([quantiles[name] for name in corpora]), MASS

    return forecast


def ridge(split: Split) -> Method:
    """Ridge regression on TF-IDF words (the text model's first column) and the model's level."""
    cells = cells_of(split.inside)
    made = fit_text(split.inside, cells)
    text, offsets = made.text, made.offsets
    away = cells.values - (text.scores[cells.prompt, 0] + offsets[cells.model])[:, None]
    held_scores = text.model.scores(extract([Prompt("", text) for text in split.held.texts]))[:, 0]
    return _around(away, cells.model, lambda prompts, model: held_scores[prompts] + offsets[model])


def shape_trees(split: Split) -> Method:
    """LightGBM on five measures of the text's shape, and the model."""
    cells = cells_of(split.inside)

    def inputs(records: Records, prompt: Indices, model: Indices) -> Array:
        lexical = extract([Prompt("", text) for text in records.texts]).lexical[:, _SHAPE]
        return np.column_stack([lexical[prompt], model])

    rows = inputs(split.inside, cells.prompt, cells.model)
    fold = splits.folds(split.inside, 2)[cells.prompt]
    settings = LOCATION_SETTINGS | {"num_threads": 1}

    def fit(keep: Flags) -> lgb.Booster:
        data = lgb.Dataset(rows[keep], cells.centre[keep], categorical_feature=[len(_SHAPE)])
        return lgb.train(settings, data, 200)

    out = np.empty(len(cells))
    for part in range(2):
        out[fold == part] = np.asarray(fit(fold != part).predict(rows[fold == part]))
    final = fit(np.ones(len(cells), dtype=np.bool_))
    count = len(split.held.texts)
    every = inputs(
        split.held,
        np.tile(np.arange(count), len(split.held.models)),
        np.repeat(np.arange(len(split.held.models)), count),
    )
    locations = np.asarray(final.predict(every)).reshape(-1, count)
    return _around(
        cells.values - out[:, None], cells.model, lambda prompts, model: locations[model, prompts]
    )


def _around(away: Array, model: Indices, located: Callable[[Indices, int], Array]) -> Method:
    """Locations, with the quantiles of each model's residuals around them."""
    shapes = [np.nanquantile(away[model == index], LEVELS) for index in range(int(model.max()) + 1)]

    def forecast(prompts: Indices, model: int) -> Forecast:
        return np.exp(located(prompts, model)[:, None] + shapes[model]), MASS

    return forecast


def measure(method: Method, held: Records, models: Sequence[int] = ()) -> dict[str, float]:
    """Scores by column, the mean over the models, on held-out prompts that have all samples."""
    lines = []
    for model in models or range(len(held.models)):
        rows = np.flatnonzero(held.model == model)
        rows = rows[np.argsort(held.prompt[rows], kind="stable")]
        if not len(rows):  # a corpus that the model did not answer
            continue
        prompts, counts = np.unique(held.prompt[rows], return_counts=True)
        full = counts == counts.max(initial=0)
        samples = held.tokens[rows][np.repeat(full, counts)].reshape(int(full.sum()), -1)
        if len(samples) > 1:
            lines.append(_line(*method(prompts[full], model), samples))
    return dict(zip(COLUMNS, np.mean(lines, axis=0).tolist(), strict=True))


def _line(atoms: Array, mass: Array, samples: Array) -> list[float]:
    mass = np.broadcast_to(mass, atoms.shape)
    mean = np.sum(atoms * mass, axis=1)
    typical = scores.geometric_mean(atoms, mass)
    quantile = {level: atoms[:, np.argmin(np.abs(LEVELS - level))][:, None] for level in _READ}
    crps = np.mean([scores.crps(atoms, mass, sample).mean() for sample in samples.T])
    flat, own = _references(samples)
    return [
        _mean_of(scores.kendall_tau, typical, samples),
        _mean_of(scores.kendall_tau, mean, samples),
        float(np.abs(quantile[0.5] - samples).mean()),
        float(crps),
        float((flat - crps) / (flat - own)),
        float(((samples >= quantile[0.1]) & (samples <= quantile[0.9])).mean()),
        float(((samples >= quantile[0.025]) & (samples <= quantile[0.975])).mean()),
        _mean_of(_recall, typical, samples),
    ]


def _mean_of(score: Callable[[Array, Array], float], predicted: Array, samples: Array) -> float:
    """The score against one sample of each prompt, averaged over the samples (n x k)."""
    return float(np.mean([score(predicted, drawn) for drawn in samples.T]))


def _recall(predicted: Array, drawn: Array) -> float:
    budget = max(1, round((1 - _DECILE) * len(predicted)))
    longest, called = np.argsort(-drawn)[:budget], np.argsort(-predicted)[:budget]
    return len(np.intersect1d(longest, called)) / budget


_READ = (0.025, 0.1, 0.5, 0.9, 0.975)


def _references(samples: Array) -> tuple[float, float]:
    """CRPS of the marginal over these prompts, and CRPS of a prompt's other samples."""
    marginal = np.quantile(samples, (np.arange(200) + 0.5) / 200)
    everywhere = np.broadcast_to(marginal, (samples.size, 200))
    flat = float(scores.crps(everywhere, np.full(200, 1 / 200), samples.ravel()).mean())
    own = [
        scores.crps_of_samples(np.delete(samples, sample, axis=1), samples[:, sample]).mean()
        for sample in range(samples.shape[1])
    ]
    return flat, float(np.mean(own))


METHODS: dict[str, Callable[[Split], Method]] = {
    "model median": model_median,
    "corpus x model median (oracle)": corpus_median,
    "LightGBM on shape": shape_trees,
    "TF-IDF ridge": ridge,
    "fast tier": fast_tier,
}


def table_lines(split: Split, seed: int) -> list[str]:
    """A line per method, and the fast tier's scores by corpus."""
    lines, by_corpus = [], []
    for name, fit in METHODS.items():
        method = fit(split)
        lines.append(_text(name, seed, measure(method, split.held)))
        print(lines[-1], file=sys.stderr, flush=True)
        if name == "fast tier":
            for corpus in np.unique(split.held.corpus):
                part = split.held.corpus == corpus
                values = measure(_on(part, method), split.held.of_prompts(part))
                by_corpus.append(_text(f"- on {corpus}", seed, values))
    return lines + by_corpus


def _on(part: Flags, method: Method) -> Method:
    """The method for the prompts marked in ``part``, which are numbered from 0."""
    indices = np.flatnonzero(part)
    return lambda prompts, model: method(indices[prompts], model)


def left_out(split: Split, seed: int) -> list[str]:
    """The fast tier where the model, or the corpus, was left out of the training too."""
    corpora = [_without_corpus(split, str(name)) for name in np.unique(split.held.corpus)]
    models = [_without_model(split, model) for model in range(len(split.inside.models))]
    lines = []
    for name, measured in (("corpus", corpora), ("model", models)):
        lines.append(
            _text(f"leave one {name} out", seed, _mean([values for _, values in measured]))
        )
        lines += [_text(f"- without {left}", seed, values) for left, values in measured]
    return lines


def _without_corpus(split: Split, corpus: str) -> tuple[str, dict[str, float]]:
    """The scores of a predictor trained without the corpus, on held-out prompts of that corpus."""
    predictor = _trained(split.inside.of_prompts(split.inside.corpus != corpus))
    part = split.held.of_prompts(split.held.corpus == corpus)
    return _print_and_return(corpus, measure(_method(predictor, part), part))


def _without_model(split: Split, model: int) -> tuple[str, dict[str, float]]:
    """The scores of a predictor trained without the model, on the answers of that model."""
    name = split.inside.models[model]
    others = [other for other in split.inside.models if other != name]
    predictor = _trained(split.inside.of_models(others))
    return _print_and_return(name, measure(_method(predictor, split.held), split.held, [model]))


def _print_and_return(name: str, values: dict[str, float]) -> tuple[str, dict[str, float]]:
    print(_text(f"- without {name}", 0, values), file=sys.stderr, flush=True)
    return name, values


def _mean(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([values[key] for values in measured])) for key in COLUMNS}


def _text(name: str, seed: int, values: dict[str, float]) -> str:
    tau, tau_of_mean, mae, crps, skill, inner, outer, recall = (values[key] for key in COLUMNS)
    return (
        f"| {name} | {seed} | {tau:.3f} | {tau_of_mean:.3f} | {mae:.0f} | {crps:.0f} | "
        f"{skill:.2f} | "
        f"{100 * inner:.1f} % | {100 * outer:.1f} % | {recall:.2f} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args(arguments)
    records = castillo.read_castillo(needed_data())
    lines = [f"| predictor | hold-out | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
    for seed in options.seed or [0]:
        split = Split.without(records, held_out(records, seed))
        rows = table_lines(split, seed)
        if options.leave_out:
            rows += left_out(split, seed)
        lines += rows
        print("\n".join(rows), flush=True)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
