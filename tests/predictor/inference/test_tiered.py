"""The predictor of a gateway: each prediction belongs to its own prompt."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.artefact import format
from predictor.inference.tiered import TieredPredictor
from predictor.raw_forecast import RawForecasts
from tests.predictor.small_castillo import FREE

PROMPTS = [Prompt(FREE[0], f"List {number} tips about tea, number 5.") for number in range(2, 11)]


class Doubling:
    """A refined tier that doubles each length."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        assert len(prompts) == len(fast)
        return replace(fast, location=fast.location + np.log(2))


def test_each_prediction_has_the_raw_forecast_of_its_prompt(
    small_predictor: LengthPredictor,
) -> None:
    predictions = TieredPredictor(small_predictor).predict(PROMPTS)
    raw = small_predictor.raw_forecasts(PROMPTS)
    assert [prediction.prompt for prediction in predictions] == PROMPTS
    assert [float(p.raw_forecast.location[0]) for p in predictions] == raw.location.tolist()
    assert {len(p.raw_forecast) for p in predictions} == {1}


def test_refined_predictions_keep_the_order_over_several_chunks(
    small_predictor: LengthPredictor,
) -> None:
    predictor = TieredPredictor(small_predictor, Doubling())
    fast = predictor.predict(PROMPTS)
    refined = predictor.refine(fast)
    assert [prediction.prompt for prediction in refined] == PROMPTS
    for before, after in zip(fast, refined, strict=True):
        assert after.tier == "refined"
        assert after.length.quantile(0.5) == pytest.approx(2 * before.length.quantile(0.5))


def test_a_predictor_without_a_refined_tier_refuses_to_refine(
    small_predictor: LengthPredictor,
) -> None:
    predictor = TieredPredictor(small_predictor)
    assert not predictor.refines
    with pytest.raises(RuntimeError, match="no refined tier"):
        predictor.refine(predictor.predict(PROMPTS))


def test_an_answer_corrects_the_next_prediction(small_predictor: LengthPredictor) -> None:
    predictor = TieredPredictor(small_predictor)
    (before,) = predictor.predict(PROMPTS[:1])
    predictor.learn(before, 900, censored=False)
    (after,) = predictor.predict(PROMPTS[:1])
    assert after.length.quantile(0.5) > 2 * before.length.quantile(0.5)


def test_a_model_whose_forecasts_are_not_finite_is_refused_with_a_remedy(
    small_model: Path, tmp_path: Path
) -> None:
    stored = format.read(small_model)
    broken = dict(stored.arrays) | {"shapes": np.full_like(stored.arrays["shapes"], np.nan)}
    out = tmp_path / "broken"
    format.publish(out, manifest=stored.manifest, arrays=broken, boosters=stored.boosters, texts={})
    with pytest.raises(ArtefactError, match=r"broken: a trial forecast failed .*lengthwise train"):
        TieredPredictor.load(out, refine=False)


@pytest.mark.parametrize("package", ["tokenizers", "onnxruntime"])
def test_a_plain_install_is_no_fault(
    package: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with caplog.at_level(logging.INFO, "lengthwise"):
        assert not TieredPredictor.load().refines
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "'.[refined]'" in record.getMessage()
