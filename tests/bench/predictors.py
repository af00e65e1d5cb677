"""The fast tier against baselines, on prompts that none of them was trained on.

    python -m tests.bench.predictors [--seed 0 --seed 1] [--leave-out] [--write FILE]

15 % of CASTILLO's ``validate`` prompts are held out, all 13 models. ``--leave-out`` adds the
figures of a predictor that has not seen the model, or the corpus, either: one training for each,
20 in all. Lines appear on stderr as they are found. Tau is against one sample of each prompt, the
mean over which one; a forecast's geometric mean is what orders jobs.
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
from predictor.training import fast, text_model
from predictor.training.boosters import LOCATION_SETTINGS
from predictor.training.cells import cells_of, length_table
from tests.bench.holdouts import held_out
from tests.castillo import needed_data

Forecast = tuple[Array, Array]
"""Atoms (n x m tokens) and masses (m or n x m)."""
Method = Callable[[Indices, int], Forecast]
"""Forecasts for held-out prompts (indices), for a model (index)."""

_SHAPE = [
    LEXICAL.index(name) for name in ("log_chars", "log_words", "log_lines", "digits", "upper")
]
_DECILE = 0.9
FIGURES = (
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
    """Records to train on and to measure on."""

    inside: Records
    held: Records

    @classmethod
    def of(cls, records: Records, out: Flags) -> Split:
        """All but the prompts marked ``out``, and those."""
        return cls(records.of_prompts(~out), records.of_prompts(out))


def fast_tier(split: Split) -> Method:
    """What ships, trained on all that is inside."""
    return _asking(_trained(split.inside), split.held)


def _trained(records: Records) -> LengthPredictor:
    fitted = fast.fit(records, [], threads=1)
    return fitted.predictor({})


def _asking(predictor: LengthPredictor, held: Records) -> Method:
    def ask(prompts: Indices, model: int) -> Forecast:
        return predictor.atoms([Prompt(held.models[model], held.texts[at]) for at in prompts])

    return ask


def model_median(split: Split) -> Method:
    """The quantiles of each model's lengths on ``validate``, whatever the prompt."""
    inside = split.inside
    rows = inside.validate[inside.prompt]
    known = [
        np.quantile(inside.tokens[rows & (inside.model == at)], LEVELS)
        for at in range(len(inside.models))
    ]
    return lambda prompts, model: (np.tile(known[model], (len(prompts), 1)), MASS)


def corpus_median(split: Split) -> Method:
    """The quantiles of each corpus and model: an oracle, for no request names its corpus."""
    inside = split.inside
    corpus = inside.corpus[inside.prompt]

    def ask(prompts: Indices, model: int) -> Forecast:
        of = split.held.corpus[prompts]
        own = inside.model == model
        known = {
            name: np.quantile(inside.tokens[own & (corpus == name)], LEVELS) for name in set(of)
        }
        return np.array([known[name] for name in of]), MASS

    return ask


def ridge(split: Split) -> Method:
    """Ridge regression on TF-IDF words (the text model's first column) and the model's level."""
    cells = cells_of(split.inside)
    count = len(split.inside.texts)
    text = text_model.fit(
        extract([Prompt("", text) for text in split.inside.texts]),
        length_table(cells, count, len(split.inside.models)),
        splits.folds(split.inside.texts, 10),
    )
    away = cells.values - (text.scores[cells.prompt, 0] + text.offsets[cells.model])[:, None]
    asked = text.model.scores(extract([Prompt("", text) for text in split.held.texts]))[:, 0]
    return _around(away, cells.model, lambda prompts, model: asked[prompts] + text.offsets[model])


def shape_trees(split: Split) -> Method:
    """LightGBM on five figures of the text's shape and the model."""
    cells = cells_of(split.inside)

    def inputs(records: Records, prompt: Indices, model: Indices) -> Array:
        lexical = extract([Prompt("", text) for text in records.texts]).lexical[:, _SHAPE]
        return np.column_stack([lexical[prompt], model])

    rows = inputs(split.inside, cells.prompt, cells.model)
    fold = splits.folds(split.inside.texts, 2)[cells.prompt]
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
    asked = np.asarray(final.predict(every)).reshape(-1, count)
    return _around(
        cells.values - out[:, None], cells.model, lambda prompts, model: asked[model, prompts]
    )


def _around(away: Array, model: Indices, located: Callable[[Indices, int], Array]) -> Method:
    """A location with the quantiles of each model's residuals around it."""
    shapes = [np.nanquantile(away[model == at], LEVELS) for at in range(int(model.max()) + 1)]

    def ask(prompts: Indices, model: int) -> Forecast:
        return np.exp(located(prompts, model)[:, None] + shapes[model]), MASS

    return ask


def measure(method: Method, held: Records, models: Sequence[int] = ()) -> dict[str, float]:
    """Mean figures over the models, on the held-out prompts that have all samples."""
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
    return dict(zip(FIGURES, np.mean(lines, axis=0).tolist(), strict=True))


def _line(atoms: Array, mass: Array, samples: Array) -> list[float]:
    mass = np.broadcast_to(mass, atoms.shape)
    mean = np.sum(atoms * mass, axis=1)
    typical = scores.typical(atoms, mass)
    at = {level: atoms[:, np.argmin(np.abs(LEVELS - level))][:, None] for level in _READ}
    crps = np.mean([scores.crps(atoms, mass, sample).mean() for sample in samples.T])
    flat, own = _references(samples)
    return [
        _mean_of(scores.kendall_tau, typical, samples),
        _mean_of(scores.kendall_tau, mean, samples),
        float(np.abs(at[0.5] - samples).mean()),
        float(crps),
        float((flat - crps) / (flat - own)),
        float(((samples >= at[0.1]) & (samples <= at[0.9])).mean()),
        float(((samples >= at[0.025]) & (samples <= at[0.975])).mean()),
        _mean_of(_recall, typical, samples),
    ]


def _mean_of(score: Callable[[Array, Array], float], predicted: Array, samples: Array) -> float:
    """The score against one sample of each prompt (n x k), the mean over which one."""
    return float(np.mean([score(predicted, drawn) for drawn in samples.T]))


def _recall(predicted: Array, drawn: Array) -> float:
    budget = max(1, round((1 - _DECILE) * len(predicted)))
    longest, called = np.argsort(-drawn)[:budget], np.argsort(-predicted)[:budget]
    return len(np.intersect1d(longest, called)) / budget


_READ = (0.025, 0.1, 0.5, 0.9, 0.975)


def _references(samples: Array) -> tuple[float, float]:
    """CRPS of the marginal over these prompts, and of the other samples of the same prompt."""
    marginal = np.quantile(samples, (np.arange(200) + 0.5) / 200)
    everywhere = np.broadcast_to(marginal, (samples.size, 200))
    flat = float(scores.crps(everywhere, np.full(200, 1 / 200), samples.ravel()).mean())
    own = [
        scores.crps_of_samples(np.delete(samples, at, axis=1), samples[:, at]).mean()
        for at in range(samples.shape[1])
    ]
    return flat, float(np.mean(own))


METHODS: dict[str, Callable[[Split], Method]] = {
    "model median": model_median,
    "corpus x model median (oracle)": corpus_median,
    "LightGBM on shape": shape_trees,
    "TF-IDF ridge": ridge,
    "fast tier": fast_tier,
}


def table_of(split: Split, seed: int) -> list[str]:
    """A line for each method, and the fast tier's figures by corpus."""
    lines, by_corpus = [], []
    for name, made in METHODS.items():
        method = made(split)
        lines.append(_text(name, seed, measure(method, split.held)))
        print(lines[-1], file=sys.stderr, flush=True)
        if name == "fast tier":
            for corpus in np.unique(split.held.corpus):
                part = split.held.corpus == corpus
                figures = measure(_on(part, method), split.held.of_prompts(part))
                by_corpus.append(_text(f"- on {corpus}", seed, figures))
    return lines + by_corpus


def _on(part: Flags, method: Method) -> Method:
    """The method for the prompts marked in ``part``, numbered among them."""
    of = np.flatnonzero(part)
    return lambda prompts, model: method(of[prompts], model)


def left_out(split: Split, seed: int) -> list[str]:
    """The fast tier where the model, or the corpus, was kept out of the training as well."""
    corpora = [_without_corpus(split, str(name)) for name in np.unique(split.held.corpus)]
    models = [_without_model(split, at) for at in range(len(split.inside.models))]
    lines = []
    for name, found in (("corpus", corpora), ("model", models)):
        lines.append(_text(f"leave one {name} out", seed, _mean([one for _, one in found])))
        lines += [_text(f"- without {left}", seed, one) for left, one in found]
    return lines


def _without_corpus(split: Split, corpus: str) -> tuple[str, dict[str, float]]:
    """What a predictor that never saw the corpus says of its held-out prompts."""
    predictor = _trained(split.inside.of_prompts(split.inside.corpus != corpus))
    part = split.held.of_prompts(split.held.corpus == corpus)
    return _said(corpus, measure(_asking(predictor, part), part))


def _without_model(split: Split, at: int) -> tuple[str, dict[str, float]]:
    """What a predictor that never saw the model says of its answers."""
    name = split.inside.models[at]
    others = [other for other in split.inside.models if other != name]
    predictor = _trained(split.inside.of_models(others))
    return _said(name, measure(_asking(predictor, split.held), split.held, [at]))


def _said(name: str, figures: dict[str, float]) -> tuple[str, dict[str, float]]:
    print(_text(f"- without {name}", 0, figures), file=sys.stderr, flush=True)
    return name, figures


def _mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([figures[key] for figures in found])) for key in FIGURES}


def _text(name: str, seed: int, figures: dict[str, float]) -> str:
    tau, of_mean, mae, crps, skill, inner, outer, recall = (figures[key] for key in FIGURES)
    return (
        f"| {name} | {seed} | {tau:.3f} | {of_mean:.3f} | {mae:.0f} | {crps:.0f} | {skill:.2f} | "
        f"{100 * inner:.1f} % | {100 * outer:.1f} % | {recall:.2f} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args(arguments)
    records = castillo.read_castillo(needed_data())
    lines = [f"| predictor | hold-out | {' | '.join(FIGURES)} |", "|---" * (2 + len(FIGURES)) + "|"]
    for seed in options.seed or [0]:
        split = Split.of(records, held_out(records, seed))
        found = table_of(split, seed)
        if options.leave_out:
            found += left_out(split, seed)
        lines += found
        print("\n".join(found), flush=True)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
