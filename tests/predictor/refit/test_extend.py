"""Learning a model from traffic."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor import LengthPredictor
from predictor.refit.boost import continue_boosters
from predictor.refit.editable import EditableArtefact
from predictor.refit.extend import LEAST_RECORDS, learn_models, with_models
from tests.predictor.small_castillo import LEVEL
from tests.predictor.traffic import logged_traffic, serve

FRESH = "acme-labs/Fresh-Instruct"
WITH_FRESH = {**LEVEL, FRESH: 3.0}


def test_censored_answers_do_not_make_a_learned_model_look_short(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 1500, models=WITH_FRESH, max_tokens=900)
    traffic = logged_traffic(tmp_path, small_predictor)
    assert traffic.censored.sum() > 100
    base = EditableArtefact.read(small_model)
    honest, naive = (
        continue_boosters(with_models(base, learn_models(base, base, seen)), seen)
        for seen in (traffic, replace(traffic, censored=np.zeros(len(traffic), dtype=bool)))
    )
    fresh = traffic.model == traffic.names.index("fresh-instruct")
    essays = traffic.where(fresh & traffic.censored)
    at_honest, at_naive = (
        float(np.exp(np.median(parts.raw_forecasts(essays).location))) for parts in (honest, naive)
    )
    assert at_naive < 1000 < at_honest


def test_a_model_with_few_answers_is_not_learned(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    base = EditableArtefact.read(small_model)
    serve(tmp_path, small_predictor, LEAST_RECORDS - 1, models={FRESH: 3.0})
    assert learn_models(base, base, logged_traffic(tmp_path, small_predictor)) == []
    serve(tmp_path, small_predictor, 1, models={FRESH: 3.0}, start=2e9, seed=1)
    (learned,) = learn_models(base, base, logged_traffic(tmp_path, small_predictor))
    assert (learned.name, learned.records) == ("fresh-instruct", LEAST_RECORDS)
