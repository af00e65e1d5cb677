"""The model that ships: features, licences, size, accuracy and model card."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor, Prompt
from predictor.data import castillo, splits
from predictor.data.castillo import LICENSED_CORPORA
from predictor.data.kinds.licences import SOURCES as KINDS
from predictor.evaluation.metrics import metrics_by_model
from predictor.fast.predictor import DEFAULT
from predictor.features.definition import feature_hash
from predictor.refined.tiers import TIERS, load_predictor

SHIPPED_MODELS = {
    "Qwen/Qwen2.5-14B-Instruct",
    "Qwen/Qwen2.5-32B-Instruct",
    "Qwen/Qwen2.5-7B-Instruct-1M",
    "microsoft/Phi-4-mini-instruct",
    "mistralai/Mistral-7B-Instruct-v0.3",
    "mistralai/Mixtral-8x7B-Instruct-v0.1",
}
"""The models of CASTILLO whose licences put no condition on models trained from their outputs."""


@pytest.fixture(scope="module")
def shipped() -> LengthPredictor:
    return LengthPredictor.load()


def test_the_model_was_trained_with_the_features_of_this_version(shipped: LengthPredictor) -> None:
    assert shipped.manifest["feature_hash"] == feature_hash()


def test_the_training_data_is_licensed(shipped: LengthPredictor) -> None:
    manifest = shipped.manifest
    assert manifest["licensed_only"]
    assert not manifest["held_out_in_training"]  # benchmarks ask for those prompts
    corpora = set(manifest["corpora"])
    assert corpora >= set(LICENSED_CORPORA)
    assert corpora - set(LICENSED_CORPORA) <= set(KINDS)
    assert set(manifest["sources"]) == corpora
    assert set(manifest["models"]) >= SHIPPED_MODELS
    bound = re.compile(r"llama|gemma|command|claude|gemini|gpt-[345]", re.IGNORECASE)
    assert not [name for name in manifest["models"] if bound.search(name)]


def test_no_source_drowns_the_others(shipped: LengthPredictor) -> None:
    shares = {name: facts["share"] for name, facts in shipped.manifest["sources"].items()}
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)
    assert max(shares.values()) < 0.5
    assert len(set(shares) - set(LICENSED_CORPORA)) >= 4


def test_the_model_is_small(shipped: LengthPredictor) -> None:
    files = list(DEFAULT.iterdir())
    assert {file.name for file in files} == {*shipped.manifest["files"], "manifest.json"}
    encoder = [file for file in files if file.name.startswith("encoder")]
    assert sum(file.stat().st_size for file in set(files) - set(encoder)) < 5_000_000
    packed = sum(len(zlib.compress(file.read_bytes())) for file in encoder)
    assert packed < 12_500_000  # so that the wheel, which is compressed, stays below 15 MB


def test_the_accuracy_on_the_corpora_and_models_of_the_training_data_is_high(
    shipped: LengthPredictor,
) -> None:
    assert shipped.manifest["held_out"]["prompts"] > 340  # CASTILLO's, and those of other kinds
    figures = mean_of_shipped_models(shipped, "metrics_in_scope")
    assert figures["tau"] >= 0.54
    assert figures["crps_skill"] >= 0.52
    assert figures["coverage"] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("tier", TIERS)
def test_every_kind_of_the_training_data_is_ranked(shipped: LengthPredictor, tier: str) -> None:
    """Kinds without training data are in RESULTS.md."""
    kinds = shipped.manifest["kinds" if tier == "fast" else "kinds_refined"]
    trained = set(shipped.manifest["sources"]) - set(LICENSED_CORPORA)
    assert len(trained) >= 4
    for name in trained:
        assert kinds[name]["tau"] >= 0.18, name
        assert 0.70 <= kinds[name]["coverage"] <= 0.90, name
        assert 1 / 1.4 <= kinds[name]["factor"] <= 1.4, name
    assert np.mean([kinds[name]["tau"] for name in trained]) >= 0.30


def mean_of_shipped_models(shipped: LengthPredictor, name: str) -> dict[str, float]:
    """The means of the figures over CASTILLO's models; others answered some kinds only."""
    rows = [shipped.manifest[name][model] for model in sorted(SHIPPED_MODELS)]
    figures = ("tau", "crps", "crps_skill", "coverage")
    return {figure: float(np.mean([row[figure] for row in rows])) for figure in figures}


def test_the_card_names_data_licences_and_limits(shipped: LengthPredictor) -> None:
    card = (DEFAULT / "README.md").read_text()
    for word in ("CASTILLO", "CC-BY-4.0", "CC-BY-SA", *LICENSED_CORPORA, *SHIPPED_MODELS):
        assert word in card
    assert not re.search(r"/(home|work|tmp|root)/", card + str(shipped.manifest))


def test_a_question_is_shorter_than_a_program_even_on_an_unknown_model(
    shipped: LengthPredictor,
) -> None:
    question, program = shipped.predict(
        [
            Prompt("alias", "Who wrote Hamlet?"),
            Prompt("alias", "Implement a red-black tree in Python, with tests."),
        ]
    )
    assert 1.1 * question.mean < program.mean


def test_everyday_requests_are_ranked_by_what_they_ask_for(shipped: LengthPredictor) -> None:
    asked = ("Answer yes or no: is tea hot?", "Explain tea in 20 words.", "Explain tea in detail.")
    for model in ("alias", *SHIPPED_MODELS):
        means = [forecast.mean for forecast in shipped.predict([Prompt(model, t) for t in asked])]
        assert means == sorted(means), (model, means)


@pytest.mark.castillo
@pytest.mark.parametrize("tier", TIERS)
def test_the_published_figures_are_reproduced_on_the_held_out_prompts(
    shipped: LengthPredictor, castillo_data: Path, tier: str
) -> None:
    records = castillo.read_castillo(castillo_data)
    threshold = shipped.manifest["held_out"]["threshold"]
    held = records.of_prompts(splits.held_out(records, threshold))
    assert len(held.texts) == 340
    measured = load_predictor(None, tier)
    found = metrics_by_model(measured, castillo.licensed(held, castillo_data))["mean"]
    name = "metrics_in_scope" if tier == "fast" else "metrics_refined_in_scope"
    for figure, value in shipped.manifest[name]["mean"].items():
        if isinstance(value, float):  # 8-bit products differ a little between processors
            assert found[figure] == pytest.approx(value, rel=0.03, abs=0.01), figure


def test_waiting_requests_get_better_forecasts(shipped: LengthPredictor) -> None:
    metrics = mean_of_shipped_models(shipped, "metrics_in_scope")
    refined = mean_of_shipped_models(shipped, "metrics_refined_in_scope")
    assert refined["tau"] > metrics["tau"] + 0.01
    assert refined["crps"] < metrics["crps"]
    assert refined["coverage"] == pytest.approx(0.8, abs=0.03)
