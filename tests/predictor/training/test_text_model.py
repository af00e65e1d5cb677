"""The text model's fit: levels, folds, and kinds left out."""

import numpy as np
import pytest

from predictor.fast.text_model import ALL, NOVELTY
from predictor.features.definition import Prompt, extract
from predictor.training import text_model
from predictor.training.text_model import TextTargets

VERBS = ("Describe", "Explain how to paint", "Name the price of", "Sketch a history of", "Sell")
NO_OTHERS = np.zeros(0)
NOUNS = ("sea", "bridge", "old mill", "quick fox", "teapot in the kitchen", "moon")


def targets(count: int, **parts: object) -> TextTargets:
    """Targets of ``count`` prompts of one kind, of 6 log tokens each; ``parts`` differ."""
    usual: dict[str, object] = {
        "effect": np.full(count, 6.0),
        "answered": np.full(count, 2),
        "departures": np.zeros((count, 2)),
        "fold": np.arange(count) % 5,
        "kind": np.zeros(count, np.intp),
    }
    return TextTargets(**(usual | parts))  # type: ignore[arg-type]


def test_prompts_that_other_models_answered_are_put_on_the_level_of_their_words() -> None:
    texts = [f"write an essay on topic {number}" for number in range(30)]
    others = [f"write an essay on theme {number}" for number in range(10)]
    fitted = text_model.fit(
        extract([Prompt("", text) for text in (*texts, *others)]),
        targets(30),
        np.zeros(10),  # effects are relative: 0 is the data set's own mean
    )
    assert fitted.scores.shape[0] == 30
    assert fitted.scores[:, :2] == pytest.approx(6.0, abs=0.2)


def test_a_prompt_that_no_model_answered_is_scored_as_well() -> None:
    texts = [f"{verb} the {noun}" for verb in VERBS for noun in NOUNS]
    effect = np.where(np.arange(len(texts)) == 3, np.nan, 6.0)
    features = extract([Prompt("", text) for text in texts])
    fitted = text_model.fit(features, targets(len(texts), effect=effect), NO_OTHERS)
    assert fitted.scores[3, ALL] == pytest.approx(6.0, abs=0.2)


def test_scores_of_a_kind_left_out_know_nothing_of_the_kind() -> None:
    essays = [f"Write an essay on the history of topic {number}" for number in range(40)]
    codes = [f"def f(a_{number}): return [x for x in a_{number}]  # fix" for number in range(40)]
    kind = np.repeat([0, 1], 40)
    fitted = text_model.fit(
        extract([Prompt("", text) for text in (*essays, *codes)]),
        targets(80, effect=np.where(kind == 0, 7.0, 4.0), kind=kind),
        NO_OTHERS,
    )
    code = kind == 1
    assert fitted.scores[code, ALL].mean() == pytest.approx(4.0, abs=0.5)
    assert fitted.kind_scores[code, ALL].mean() > 5.0
    assert fitted.kind_scores[code, NOVELTY].mean() > fitted.scores[code, NOVELTY].mean() + 0.1


def test_a_loud_kind_blurs_what_is_learned_of_a_quiet_one_less_than_with_one_noise() -> None:
    rng = np.random.default_rng(0)
    texts = [f"{verb} the {noun} {number}" for verb in VERBS for noun in NOUNS for number in "123"]
    quiet = np.array([5.0 + 0.3 * (VERBS.index(verb)) for verb in VERBS for _ in range(18)])
    kind = np.arange(len(texts)) % 2
    effect = np.where(kind == 0, quiet, quiet + rng.normal(0, 1.5, len(texts)))
    features, fold = extract([Prompt("", text) for text in texts]), np.arange(len(texts)) // 2 % 5
    errors = []
    for parts in (kind, np.zeros(len(texts), np.intp)):
        made = targets(len(texts), effect=effect, kind=parts, fold=fold)
        scores = text_model.fit(features, made, NO_OTHERS).scores[:, ALL]
        errors.append(np.abs(scores - quiet)[kind == 0].mean())
    apart, together = errors
    assert apart < 0.95 * together
