"""Words learned from kept texts: a deployment's own vocabulary, and words that mean nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.artefact.versions import Versions
from predictor.evaluation.scores import kendall_tau
from predictor.fast.formulas import correction_share
from predictor.fast.inputs import BASE, COLUMNS, TRUST
from predictor.fast.learned_words import MOST, STORED, effects
from predictor.features.ngrams import BUCKETS
from predictor.prompt import HEAD_CHARS
from predictor.refit import texts
from predictor.refit.boost import continue_location
from predictor.refit.editable import EditableArtefact
from predictor.refit.refit import refit
from predictor.refit.texts import NO_TEXT, LoggedTexts
from predictor.refit.words import FittedWords, learn_words
from tests.predictor.small_castillo import FREE
from tests.predictor.traffic import log_answers, logged_traffic, serve

_SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "ra", "si", "to", "vu")
_FILLERS = [
    start + end
    for start in ("gal", "fen", "mor", "tis", "pel", "wun", "hap", "zor", "jed", "cob")
    for end in ("an", "er", "il", "ot", "us", "im")
]
_APART, _SPREAD = 1.0, 0.4
"""Log tokens by which a ticket's type moves an answer, up or down, and the spread beside that."""

Made = list[tuple[Prompt, float]]


def tickets(count: int, *, seed: int) -> Made:
    """Requests with two made-up words, one of which is of 40 types that alone tell the length.

    The frame around them is one of the data trained on.
    """
    rng = np.random.default_rng(seed)
    made: Made = []
    for at in range(count):
        kind = int(rng.integers(40))
        word = _SYLLABLES[kind % 10] + _SYLLABLES[(kind * 7 + 3) % 10] + _SYLLABLES[kind // 10]
        text = f"What is {word} {rng.choice(_FILLERS)}? Case {at % 300}."
        moved = _APART if (kind * 13) % 40 < 20 else -_APART
        length = 200 * np.exp(moved + _SPREAD * rng.standard_normal())
        made.append((Prompt(FREE[0], text), float(np.rint(length))))
    return made


def tau(store: Path, made: Made) -> float:
    """Kendall's tau of the lengths and the medians that the store's current version forecasts."""
    forecasts = LengthPredictor.load(store / "current").predict([prompt for prompt, _ in made])
    medians = np.array([forecast.quantile(0.5) for forecast in forecasts])
    return kendall_tau(medians, np.array([tokens for _, tokens in made]))


def with_weights(artefact: EditableArtefact) -> EditableArtefact:
    """``artefact`` with learned words of random weights."""
    weights = np.random.default_rng(0).normal(size=BUCKETS).astype(np.float16)
    arrays = {**artefact.arrays, STORED: weights}
    return EditableArtefact.build(artefact.manifest, arrays, artefact.boosters)


def test_a_deployments_own_words_are_learned_from_texts_only(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    made, later = tickets(700, seed=1), tickets(300, seed=2)
    log, store = tmp_path / "with", tmp_path / "store"
    log_answers(tmp_path / "without", small_predictor, made)
    refit(tmp_path / "without", tmp_path / "plain", model=small_model)
    assert tau(tmp_path / "plain", later) < 0.15
    log_answers(log, small_predictor, made, keep_text=True)
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "promoted", outcome
    assert outcome.figures["candidate"] == "boosters with words"
    assert tau(store, later) > 0.4  # 0.5 if the types were known

    log_answers(log, LengthPredictor.load(store / "current"), later, start=2e9, seed=1)
    waiting = refit(log, store, least=250)
    assert waiting.action == "waiting"
    assert waiting.skipped == {"without the text that the current version's words need": 300}
    assert "set learning.keep_text, or roll back" in waiting.reason
    Versions(store).rollback(who="test", reason="texts are no longer kept")
    assert refit(log, store, least=900).skipped == {}


def test_words_that_mean_nothing_are_not_learned(
    tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    log_answers(tmp_path, small_predictor, tickets(300, seed=3), keep_text=True)
    traffic = logged_traffic(tmp_path, small_predictor)
    idf = np.ones(BUCKETS, dtype=np.float32)
    drawn = np.random.default_rng(0).normal(size=(20, 300))
    learned = [learn_words(traffic, traffic.inputs, left, idf) for left in drawn]
    assert sum(words is not None for words in learned) <= 1


def test_without_texts_nothing_of_words_is_fitted_or_stored(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    base = EditableArtefact.read(small_model)
    for name, keep in (("without", False), ("with", True)):
        serve(tmp_path / name, small_predictor, 200, keep_text=keep)
    plain, kept = (logged_traffic(tmp_path / name, small_predictor) for name in ("without", "with"))
    assert continue_location(base, plain).words is None
    first, second = (continue_location(base, traffic).artefact() for traffic in (plain, kept))
    assert STORED not in first.arrays
    assert first.boosters == second.boosters
    assert np.array_equal(first.arrays["shapes"], second.arrays["shapes"])


def test_a_replay_reads_the_words_that_were_served(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    artefact = with_weights(EditableArtefact.read(small_model))
    artefact.write(tmp_path / "model")
    serving = LengthPredictor.load(tmp_path / "model")
    long = " ".join(f"{word} {at}" for at, word in enumerate(_FILLERS * 20))
    assert len(long) > 2 * HEAD_CHARS
    prompts = [
        Prompt(FREE[0], "gallan needs a reply", system="Be brief.", turns=3, chars=900),
        Prompt(FREE[0], "", chars=50),
        Prompt(FREE[0], f"  {long}"),
        Prompt("acme/Other", "Answer in one word: is it galan?"),
    ]
    log_answers(tmp_path / "log", serving, [(prompt, 50.0) for prompt in prompts], keep_text=True)
    served, plain = serving.raw_forecasts(prompts), small_predictor.raw_forecasts(prompts)
    again = artefact.raw_forecasts(logged_traffic(tmp_path / "log", serving))
    assert served.learned is not None
    assert served.learned == pytest.approx(served.location - plain.location)
    assert again.location == pytest.approx(served.location, abs=1e-3)
    assert again.learned == pytest.approx(served.learned, abs=1e-6)
    assert served.learned[1] == 0
    assert np.array_equal(served.inputs, plain.inputs, equal_nan=True)
    assert np.abs(served.learned).max() <= MOST


def test_the_same_text_in_many_turns_counts_as_one_text(
    tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    made = tickets(120, seed=4)
    agent = [(replace(made[0][0], turns=at + 1, chars=100 * at), 50.0) for at in range(400)]
    log_answers(tmp_path, small_predictor, made + agent, keep_text=True)
    traffic = logged_traffic(tmp_path, small_predictor)
    assert len(set(traffic.texts.number.tolist())) == 120
    left = np.random.default_rng(5).normal(size=520)
    left[120:] = 1.5  # what the agent's turns have left: one text, whatever the number of turns
    words = learn_words(traffic, traffic.inputs, left, np.ones(BUCKETS, dtype=np.float32))
    assert words is None


def test_a_stated_form_holds_against_words(
    tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    made = tickets(600, seed=6)
    log_answers(tmp_path, small_predictor, made, keep_text=True)
    traffic = logged_traffic(tmp_path, small_predictor)
    left = np.log([tokens / 200 for _, tokens in made])
    idf = np.ones(BUCKETS, dtype=np.float32)
    free, stated = traffic.inputs.copy(), traffic.inputs.copy()
    free[:, TRUST], stated[:, TRUST] = 0.0, np.where(np.arange(600) < 300, 0.95, 0.0)
    fitted = learn_words(traffic, free, left, idf), learn_words(traffic, stated, left, idf)
    assert all(isinstance(words, FittedWords) for words in fitted)
    spread = [np.std(words.effects[:300]) for words in fitted if words]
    assert spread[1] < 0.15 * spread[0]


def test_a_stated_form_takes_as_much_from_words_as_from_trees() -> None:
    """Of base models too, which are not expected to obey."""
    inputs = np.zeros((2, len(COLUMNS)))
    inputs[:, TRUST], inputs[1, BASE] = 0.95, 1.0
    assert effects(np.ones(2), inputs) == pytest.approx(correction_share(inputs))


def test_the_latest_texts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_READ", 2)
    read = LoggedTexts.read(["old", "again", None, "", "new", "again"])
    assert read.number.tolist() == [NO_TEXT, 0, NO_TEXT, NO_TEXT, 1, 0]
    assert len(read.words) == 2
    assert read.where(np.array([0, 4])).spread(lambda words: np.array([3.0, 4.0])).tolist() == [
        0,
        4,
    ]
    assert LoggedTexts.read([None]).spread(lambda words: np.zeros(len(words))).tolist() == [0]


def test_weights_of_another_size_are_refused(tmp_path: Path, small_model: Path) -> None:
    good = EditableArtefact.read(small_model)
    replace(good, arrays={**good.arrays, STORED: np.zeros(3)}).write(tmp_path / "bad")
    with pytest.raises(ArtefactError, match=r"learned_words has the shape \(3,\)"):
        LengthPredictor.load(tmp_path / "bad")
