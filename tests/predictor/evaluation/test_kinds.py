"""Metrics by kind of traffic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor
from predictor.data import castillo
from predictor.data.records import Records
from predictor.evaluation.forecasts import Forecasts, forecasts_by_model
from predictor.evaluation.held_out import split
from predictor.evaluation.kinds import kind_metrics, metrics_by_kind
from predictor.evaluation.study import FORECAST, study
from predictor.evaluation.table import tables


def made(median: np.ndarray, tokens: np.ndarray, model: str = "m") -> Forecasts:
    """Forecasts with an atom at 0.5, 0.8, 1, 1.25 and 2 times the ``median``."""
    atoms = np.outer(median, [0.5, 0.8, 1.0, 1.25, 2.0])
    return Forecasts(
        model=model,
        route="known",
        atoms=atoms,
        mass=np.full(atoms.shape, 0.2),
        corpus=np.full(len(median), "x"),
        chars=np.arange(len(median)),
        prompt=np.arange(len(median)),
        tokens=tokens,
        censored=np.zeros(len(tokens), dtype=bool),
    )


@pytest.fixture(scope="module")
def two_kinds(small_data: Path) -> Records:
    """CASTILLO, of which one corpus is called by the name of another kind."""
    records = castillo.read_castillo(small_data)
    other = np.where(records.corpus == "Alpaca", "mint_agents", records.corpus)
    return replace(records, corpus=other)


def test_castillos_corpora_are_one_kind(
    two_kinds: Records, small_predictor: LengthPredictor
) -> None:
    forecasts = list(forecasts_by_model(small_predictor, two_kinds))
    found = metrics_by_kind(forecasts, two_kinds)
    assert set(found) == {"CASTILLO", "mint_agents"}
    assert found["CASTILLO"]["prompts"] == 240
    assert found["mint_agents"]["prompts"] == 80
    assert found["mint_agents"]["models"] == len(two_kinds.models)


def test_the_factor_is_the_median_of_actual_by_forecast() -> None:
    median = np.arange(20, 60).astype(float)
    assert kind_metrics([made(median, 3 * median)])["factor"] == pytest.approx(3)


def test_levels_of_models_count_in_the_pooled_tau_alone() -> None:
    median = np.arange(20, 60).astype(float)
    parts = [made(np.full(40, 10.0), 10 + median % 7), made(np.full(40, 900.0), 900 + median % 7)]
    ordered = [made(median, median), made(10 * median, 10 * median)]
    assert kind_metrics(parts)["tau_pooled"] > 0.5
    assert np.isnan(kind_metrics(parts)["tau"])
    assert kind_metrics(ordered)["tau"] == pytest.approx(1)


def test_a_model_with_few_prompts_has_no_tau_but_counts_as_covered() -> None:
    few = made(np.full(5, 50.0), np.array([50.0, 50.0, 50.0, 50.0, 900.0]))
    found = kind_metrics([few])
    assert np.isnan(found["tau"])
    assert found["coverage"] == pytest.approx(0.8)


def test_every_kind_has_a_line_in_the_first_table(
    two_kinds: Records, small_predictor: LengthPredictor
) -> None:
    found = study(small_predictor, split(two_kinds, small_predictor.manifest, "all"))
    first, models = tables(found)[:2]
    assert [row[0] for row in first.rows] == ["CASTILLO", "mint_agents"]
    assert len(models.rows) == 1 + len(two_kinds.models)
    assert found.kinds["CASTILLO"]["tau"] > 0.5
    assert found.mean[FORECAST]["tau"] > 0.5


def test_whole_requests_are_forecast(two_kinds: Records, small_predictor: LengthPredictor) -> None:
    asked = [replace(prompt, chars=70_000, turns=9) for prompt in two_kinds.prompts]
    (first, *_) = forecasts_by_model(small_predictor, replace(two_kinds, prompts=asked))
    assert set(first.chars) == {70_000}
    whole = small_predictor.atoms([replace(prompt, model=first.model) for prompt in asked])
    assert np.array_equal(first.atoms, whole[0])
