from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor.data import splits
from predictor.data.records import DataError, Records
from predictor.evaluation.scores import kendall_tau
from predictor.fast.inputs import COLUMNS, KNOWN
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.refined.head import RefinedTier
from predictor.training import crossfit, fast
from predictor.training.crossfit import OutOfFold
from predictor.training.fast import FittedFastTier
from tests.predictor.training.refined import tiny

pytest.importorskip("torch", reason="torch is missing, run: pip install torch")
pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")
pytest.importorskip("onnx", reason="onnx is missing, run: pip install onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime is missing, run: pip install onnxruntime")

from predictor.refined.encoder import Encoder
from predictor.training.refined.loop import Settings
from predictor.training.refined.tier import fit_tier

NAMES = ["acme/Long-Instruct", "acme/Short-Instruct"]
TINY = Settings(
    layers=2, tokens=24, epochs=8, batch=16, rate=3e-3, head_rate=1e-2, least_count=1, threads=1
)


def records(prompts: int) -> Records:
    """Poems are long and lists short; the first model doubles the second's lengths."""
    texts = [
        f"write a poem about the sea {at}" if at % 2 else f"sort a list of numbers {at}"
        for at in range(prompts)
    ]
    prompt, model, _ = (part.ravel() for part in np.mgrid[:prompts, :2, :4])
    rng = np.random.default_rng(0)
    logs = 4.0 + 1.5 * (prompt % 2) - np.log(2) * model + rng.normal(0, 0.2, len(prompt))
    return Records.of_texts(
        texts,
        corpus=np.full(prompts, "Alpaca"),
        validate=np.ones(prompts, dtype=np.bool_),
        models=NAMES,
        prompt=prompt,
        model=model,
        tokens=np.exp(logs),
        censored=np.zeros(len(prompt), dtype=np.bool_),
    )


def prompt_blind(data: Records) -> FittedFastTier:
    """A fast tier whose out-of-fold forecasts know the models' levels and ignore the prompts."""
    made = fast.fit(data, [], threads=1)
    cells, fold = made.cells, splits.folds(data, crossfit.FOLDS)
    inputs = np.zeros((len(cells), len(COLUMNS)))
    inputs[:, -1] = KNOWN
    location = 4.75 - np.log(2) * cells.model
    out = OutOfFold(
        np.arange(len(cells)), location, np.full(len(cells), 0.8), inputs, fold[cells.prompt]
    )
    return replace(made, head=replace(made.head, out_of_fold=out))


def test_a_fitted_refined_tier_ranks_prompts_that_the_fast_tier_cannot(tmp_path: Path) -> None:
    blind = prompt_blind(records(320))
    made = fit_tier(blind, effects=[], settings=TINY, base=tiny.bert(tmp_path / "bert"))
    made = made.fit_further(blind, effects=[])
    for name, content in made.files().items():
        (tmp_path / name).write_bytes(content)
    tier = RefinedTier(Encoder.load(tmp_path), made.head)
    texts = ["write a poem about the sea", "sort a list of numbers"] * 10
    prompts = [Prompt(NAMES[at // 2 % 2], text) for at, text in enumerate(texts)]
    count = len(prompts)
    inputs = np.zeros((count, len(COLUMNS)))
    shape = np.zeros((count, made.head.shapes.shape[2]))
    guess = RawForecasts(np.full(count, 4.75), np.full(count, 0.8), shape, np.zeros(count), inputs)
    refined = tier.refine(prompts, guess)
    truth = np.array([1.5 * ("poem" in prompt.text) for prompt in prompts])
    assert kendall_tau(refined.location, truth) > 0.6
    assert np.mean(refined.scale) < 0.5
    assert tier.refine([], guess) is guess


def test_a_head_for_publication_has_the_fast_tiers_scales_and_shapes(tmp_path: Path) -> None:
    blind = prompt_blind(records(160))
    few = replace(TINY, epochs=1)
    base = tiny.bert(tmp_path / "bert")
    head = fit_tier(blind, effects=[], settings=few, base=base, fast_widths=True).head
    for shapes in head.shapes:
        np.testing.assert_array_equal(shapes, blind.head.shapes)
    rows = np.random.default_rng(0).normal(size=(20, head.scale.num_feature()))
    assert not np.any(np.asarray(head.scale.predict(rows)))
    assert np.any(np.asarray(head.location.predict(rows)))


def test_prompts_that_the_encoder_cannot_read_have_no_part_in_its_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blind = prompt_blind(records(160))
    out = blind.head.out_of_fold
    inputs = out.inputs.copy()
    inputs[blind.cells.prompt[out.cell] < 40, COLUMNS.index("script kana")] = 1.0
    japanese = replace(blind, head=replace(blind.head, out_of_fold=replace(out, inputs=inputs)))
    few = replace(TINY, epochs=1)
    with caplog.at_level("INFO"):
        fit_tier(japanese, effects=[], settings=few, base=tiny.bert(tmp_path / "bert"))
    assert caplog.text.count("training further on 120 prompts") == 2


def test_too_little_data_is_refused(tmp_path: Path) -> None:
    blind = prompt_blind(records(60))
    out = blind.head.out_of_fold
    few = replace(out, **{name: getattr(out, name)[:40] for name in out.__slots__})
    scarce = replace(blind, head=replace(blind.head, out_of_fold=few))
    with pytest.raises(DataError, match="give more data or train without --encoder"):
        fit_tier(scarce, effects=[], settings=TINY, base=tiny.bert(tmp_path))
