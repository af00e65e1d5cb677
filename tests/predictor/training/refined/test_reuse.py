"""A refined tier around the encoder of another model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from predictor.artefact import format
from predictor.artefact.format import ArtefactError
from predictor.data import castillo
from predictor.data.records import DataError
from predictor.fast.inputs import GENERIC, KNOWN, RELATED, TrainedModels
from predictor.features.definition import feature_hash
from predictor.prompt import Prompt
from predictor.refined.encoder import GRAPH, MANIFEST, TOKENIZER, Encoder
from predictor.refined.head import LOCATION
from predictor.refined.head_inputs import MORE_COLUMNS, encoder_share
from predictor.training import fast
from predictor.training.fast import FittedFastTier
from predictor.training.refined.reuse import reuse_encoder
from tests.predictor.small_castillo import write_data
from tests.predictor.training.refined import tiny

pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")
pytest.importorskip("onnxruntime", reason="onnxruntime is missing, run: pip install onnxruntime")
pytest.importorskip("onnx", reason="onnx is missing, run: pip install onnx")

from predictor.training.refined.graph import build

BLEND = np.array([[0.3, 0.7, 0.1], [0.6, 0.4, 0.0], [0.8, 0.2, -0.1]])
CAUTION = 0.25
TEXTS = ["Write about the sea.", "Sort a list of numbers", "Summarise what was said of the storm"]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> FittedFastTier:
    folder = write_data(tmp_path_factory.mktemp("data"), prompts=120, samples=2)
    return fast.fit(castillo.read_castillo(folder), [], threads=1)


def published(folder: Path, models: list[str], corpora: Sequence[str] = ()) -> Path:
    """A model directory with a tiny encoder for ``models``, trained on ``corpora``.

    The directory's features are of another version.
    """
    columns = len(models) + 2
    parts = {
        GRAPH: build(tiny.state(columns), heads=tiny.HEADS, unpaired_layers=1),
        TOKENIZER: tiny.tokenizer().encode(),
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    facts = {"format": 1, "models": models, "columns": columns, "tokens": 24, "files": sums}
    facts["corpora"] = list(corpora)
    format.publish(
        folder,
        manifest={"models": models, "feature_hash": "of another version"},
        arrays={"refined_blend": BLEND, "refined_caution": np.array(CAUTION)},
        boosters={},
        texts={},
        files={**parts, MANIFEST: json.dumps(facts).encode()},
    )
    return folder


def test_the_location_is_the_blend_of_both_tiers_and_the_rest_is_the_fast_tiers(
    tmp_path: Path, fitted: FittedFastTier
) -> None:
    names = list(fitted.models.names)
    folder = published(tmp_path / "old", names)
    tier = reuse_encoder(folder, fitted)
    predictor = fitted.predictor({})
    prompts = [Prompt(name, text) for name in (names[0], "mistral-nemo", "alias") for text in TEXTS]
    raw = predictor.raw_forecasts(prompts)
    found = tier.beside(predictor, tmp_path).tier.refine(prompts, raw)
    encoded = Encoder.load(folder).encode([prompt.text for prompt in prompts]).astype(np.float64)
    matches = [predictor.match(prompt.model) for prompt in prompts]
    assert [match.route for match in matches[::3]] == [KNOWN, RELATED, GENERIC]
    shares = (1 - CAUTION) * encoder_share(raw.inputs)
    for at, match in enumerate(matches):
        columns = encoded[at, : len(names)]
        own = columns @ match.weights if match.weights.any() else columns.mean()
        first, second, constant = BLEND[match.route]
        blended = first * raw.location[at] + second * own + constant
        wanted = raw.location[at] + shares[at] * (blended - raw.location[at])
        assert found.location[at] == pytest.approx(wanted, abs=1e-4), prompts[at]
    assert found.plain is not None
    assert raw.plain is not None
    np.testing.assert_allclose(found.plain, raw.plain)
    np.testing.assert_allclose(found.scale[: len(TEXTS)], raw.scale[: len(TEXTS)])
    np.testing.assert_allclose(found.shape[: len(TEXTS)], raw.shape[: len(TEXTS)])


def test_a_model_that_the_encoder_was_not_trained_on_has_the_mean_of_those_it_was(
    tmp_path: Path, fitted: FittedFastTier
) -> None:
    names = list(fitted.models.names)
    folder = published(tmp_path / "old", names[1:])
    predictor = fitted.predictor({})
    prompts = [Prompt(names[0], text) for text in TEXTS]
    raw = predictor.raw_forecasts(prompts)
    tier = reuse_encoder(folder, fitted).beside(predictor, tmp_path).tier
    encoded = Encoder.load(folder).encode(TEXTS).astype(np.float64)
    mean = encoded[:, : len(names) - 1].mean(axis=1)
    first, second, constant = BLEND[KNOWN]
    change = (first - 1) * raw.location + second * mean + constant
    wanted = raw.location + (1 - CAUTION) * encoder_share(raw.inputs) * change
    np.testing.assert_allclose(tier.refine(prompts, raw).location, wanted, atol=1e-4)


def test_what_the_blend_misses_is_learned_from_corpora_that_the_encoder_was_not_trained_on(
    tmp_path: Path, fitted: FittedFastTier
) -> None:
    seen, *rest = sorted({str(name) for name in fitted.records.corpus})
    names, predictor = list(fitted.models.names), fitted.predictor({})
    everything = reuse_encoder(published(tmp_path / "all", names, [seen, *rest]), fitted)
    learned = reuse_encoder(published(tmp_path / "one", names, [seen]), fitted)
    errors, changes = {}, {}
    for corpus in (seen, *rest):
        rows = np.flatnonzero((fitted.records.corpus == corpus)[fitted.cells.prompt])
        prompts = [
            Prompt(names[model], fitted.records.texts[prompt])
            for prompt, model in zip(
                fitted.cells.prompt[rows], fitted.cells.model[rows], strict=True
            )
        ]
        raw = predictor.raw_forecasts(prompts)
        plain, better = (
            tier.beside(predictor, tmp_path).tier.refine(prompts, raw).location
            for tier in (everything, learned)
        )
        truth = fitted.cells.centre[rows]
        errors[corpus] = np.abs(better - truth).mean() / np.abs(plain - truth).mean()
        changes[corpus] = np.abs(better - plain).mean()
    assert all(errors[corpus] < 0.9 for corpus in rest), errors
    assert changes[seen] < 0.7 * np.mean([changes[corpus] for corpus in rest]), changes


def test_the_booster_of_the_location_stays_where_the_encoder_knows_all_corpora(
    tmp_path: Path, fitted: FittedFastTier
) -> None:
    names, corpora = list(fitted.models.names), sorted(set(fitted.records.corpus.tolist()))
    folder = published(tmp_path / "old", names, corpora)
    columns = fitted.head.out_of_fold.inputs.shape[1] + MORE_COLUMNS
    rows = np.random.default_rng(0).normal(size=(200, columns))
    kept = lgb.train({"verbose": -1}, lgb.Dataset(rows, rows[:, 0], params={"verbose": -1}), 5)
    stored = format.read(folder, any_features=True)
    files = {name: (folder / name).read_bytes() for name in (GRAPH, TOKENIZER, MANIFEST)}
    for features, same in ((feature_hash(), True), ("of another version", False)):
        format.publish(
            folder,
            manifest={"models": names, "feature_hash": features},
            arrays=stored.arrays,
            boosters={LOCATION: kept.model_to_string()},
            texts={},
            files=files,
        )
        found = np.asarray(reuse_encoder(folder, fitted).head.location.predict(rows))
        assert np.allclose(found, np.asarray(kept.predict(rows))) == same
        assert np.any(found) == same


def test_the_encoders_files_are_taken_as_they_are(tmp_path: Path, fitted: FittedFastTier) -> None:
    folder = published(tmp_path / "old", list(fitted.models.names))
    files = reuse_encoder(folder, fitted).files()
    assert set(files) == {GRAPH, TOKENIZER, MANIFEST}
    assert all((folder / name).read_bytes() == content for name, content in files.items())


def test_an_encoder_of_other_models_is_refused(tmp_path: Path, fitted: FittedFastTier) -> None:
    names = list(fitted.models.names)
    folder = published(tmp_path / "old", [*names, "other-7b"])
    with pytest.raises(DataError, match=r"was trained on .*; train with --encoder"):
        reuse_encoder(folder, fitted)
    fewer = replace(fitted, models=TrainedModels(names[:1], np.zeros(1)))
    with pytest.raises(DataError, match=r"was trained on .*; train with --encoder"):
        reuse_encoder(published(tmp_path / "same", names), fewer)


def test_a_folder_without_a_model_or_without_an_encoder_is_refused(
    tmp_path: Path, small_model: Path, fitted: FittedFastTier
) -> None:
    with pytest.raises(ArtefactError, match=r"manifest\.json cannot be read"):
        reuse_encoder(tmp_path, fitted)
    with pytest.raises(DataError, match=r"has no encoder .*; train with --encoder"):
        reuse_encoder(small_model, fitted)
