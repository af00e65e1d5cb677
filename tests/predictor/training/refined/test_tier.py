from pathlib import Path

import numpy as np
import pytest

from predictor.data import splits
from predictor.data.records import DataError, Records
from predictor.evaluation.scores import kendall_tau
from predictor.fast.inputs import COLUMNS, KNOWN, TrainedModels
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.refined.head import RefinedTier
from predictor.training import crossfit
from predictor.training.cells import Cells, cells_of
from tests.predictor.training.refined import tiny

pytest.importorskip("torch", reason="torch is missing, run: pip install torch")
pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")
pytest.importorskip("onnx", reason="onnx is missing, run: pip install onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime is missing, run: pip install onnxruntime")

from predictor.refined.encoder import Encoder
from predictor.training.crossfit import OutOfFold
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


def prompt_blind(cells: Cells, fold: np.ndarray[tuple[int], np.dtype[np.intp]]) -> OutOfFold:
    """A fast tier that knows the models' levels and ignores the prompts."""
    cell = np.arange(len(cells))
    inputs = np.zeros((len(cells), len(COLUMNS)))
    inputs[:, -1] = KNOWN
    location = 4.75 - np.log(2) * cells.model
    return OutOfFold(cell, location, np.full(len(cells), 0.8), inputs, fold[cells.prompt])


def test_a_fitted_refined_tier_ranks_prompts_that_the_fast_tier_cannot(tmp_path: Path) -> None:
    data = records(320)
    cells = cells_of(data)
    fast = prompt_blind(cells, splits.folds(data, crossfit.FOLDS))
    models = TrainedModels(NAMES, np.array([0.35, -0.35]))
    made = fit_tier(
        data,
        cells,
        fast,
        models,
        effects=[],
        settings=TINY,
        base=tiny.bert(tmp_path / "bert"),
    )
    made = made.fit_further(data, cells, effects=[])
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


def test_too_little_data_is_refused(tmp_path: Path) -> None:
    data = records(20)
    cells = cells_of(data)
    fast = prompt_blind(cells, splits.folds(data, crossfit.FOLDS))
    with pytest.raises(DataError, match="give more data or train without --encoder"):
        fit_tier(
            data,
            cells,
            fast,
            TrainedModels(NAMES, np.zeros(2)),
            effects=[],
            settings=TINY,
            base=tiny.bert(tmp_path),
        )
