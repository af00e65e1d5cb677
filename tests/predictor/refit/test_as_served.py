"""Forecasts as served: what a layer learns from a log, and the rule of promotion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor, Prompt
from predictor.adaptive import AdaptiveLayer
from predictor.evaluation import scores
from predictor.refit.as_served import learned_layer, served_crps, served_forecasts
from predictor.refit.compare import Comparison, Verdict, compare, judge
from predictor.refit.editable import EditableArtefact
from predictor.refit.refit import slices
from tests.predictor.small_castillo import LEVEL
from tests.predictor.traffic import logged_traffic, serve, shifted


def comparison(gain: float, margin: float, crps: float = 100.0) -> Comparison:
    """A comparison with this gain and half the width of its interval."""
    return Comparison(200, crps, crps - gain, gain, gain - margin, gain + margin, 0.8, 0.8)


@pytest.mark.parametrize(
    ("served", "raw", "convincing"),
    [
        ((5.0, 4.0), (0.0, 4.0), True),  # better as served
        ((3.0, 4.0), (3.0, 4.0), False),  # noise
        ((0.5, 4.0), (40.0, 4.0), True),  # far better where the layer knows nothing
        ((-1.0, 4.0), (40.0, 4.0), True),  # the same, within a standard error as served
        ((-3.0, 4.0), (40.0, 4.0), False),  # worse as served
        ((0.5, 4.0), (25.0, 4.0), False),  # not far better
        ((0.5, 4.0), (40.0, 40.0), False),  # far better by noise
    ],
)
def test_what_is_served_decides(
    served: tuple[float, float], raw: tuple[float, float], convincing: bool
) -> None:
    assert Verdict(comparison(*served), comparison(*raw)).convincing is convincing


def test_an_error_that_the_layer_corrects_costs_little_as_served(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 400)
    traffic, base = logged_traffic(tmp_path, small_predictor), EditableArtefact.read(small_model)
    late = np.arange(400) >= 300
    verdict = judge(shifted(base, 0.7), base, traffic, late)
    assert verdict.raw.better
    assert abs(verdict.served.gain) < 0.2 * verdict.raw.gain
    assert verdict.raw.gain == compare(shifted(base, 0.7), base, traffic.where(late)).gain


def test_a_replay_serves_what_the_gateway_served(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    made = serve(tmp_path, small_predictor, 120, models={k: 2 * v for k, v in LEVEL.items()})
    layer, medians, crps = AdaptiveLayer(salt=b""), [], []
    for prompt, tokens in made:  # one by one: each ends before the next arrives
        (forecast,) = layer.adapt([prompt], small_predictor.raw_forecasts([prompt]))
        medians.append(forecast.length.quantile(0.5))
        atoms, mass = np.array([forecast.length.tokens]), np.array(forecast.length.mass)
        crps.append(scores.crps(atoms, mass, np.array([tokens]))[0])
        layer.learn(forecast, int(tokens), censored=False)
    traffic = logged_traffic(tmp_path, small_predictor)
    again = served_forecasts(
        EditableArtefact.read(small_model), traffic, np.ones(120, dtype=np.bool_)
    )
    assert [f.length.quantile(0.5) for f in again] == pytest.approx(medians, rel=0.02)
    assert served_crps(again, traffic).mean() == pytest.approx(np.mean(crps), rel=0.02)


def test_a_forecast_knows_only_answers_that_had_ended(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 60, models={k: 4 * v for k, v in LEVEL.items()})
    traffic, base = logged_traffic(tmp_path, small_predictor), EditableArtefact.read(small_model)
    together = np.full(60, traffic.arrival.min())  # all arrive before the first ends
    traffic = replace(traffic, arrival=together)
    made = served_forecasts(base, traffic, np.ones(60, dtype=np.bool_))
    raw = base.raw_forecasts(traffic)
    assert [forecast.location for forecast in made] == pytest.approx(raw.location.tolist())


def test_the_layer_of_a_new_predictor_starts_from_the_log(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    doubled = {name: 2 * level for name, level in LEVEL.items()}
    serve(tmp_path, small_predictor, 400, models=doubled)
    traffic, base = logged_traffic(tmp_path, small_predictor), EditableArtefact.read(small_model)
    serving = AdaptiveLayer(salt=b"")
    name = next(iter(LEVEL))
    asked = [Prompt(name, "Write a long essay on bees with part 5001, please.")]
    raw = small_predictor.raw_forecasts(asked)
    (old,) = serving.adapt([Prompt(name, "Why?")], raw, tier="refined")
    serving.learn(old, 5, censored=False)
    serving.rebase(learned_layer(base, traffic))
    learned = learned_layer(base, traffic).recent["fast", name].fitted.coefficients
    for tier in ("fast", "refined"):
        assert serving.recent[tier, name].fitted.coefficients == pytest.approx(learned)
    (forecast,) = serving.adapt(asked, raw)
    assert forecast.length.quantile(0.5) == pytest.approx(1200, rel=0.3)


def test_fitting_choosing_and_deciding_use_other_traffic_each(
    tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 100)
    traffic = logged_traffic(tmp_path, small_predictor)
    parts = slices(traffic, np.arange(100) >= 20)  # the first 20 are of before the last fit
    assert np.sum(parts, axis=0).tolist() == [1] * 100
    assert [int(part.sum()) for part in parts] == [76, 12, 12]
    ends = [traffic.finished[part].max() for part in parts]
    assert ends == sorted(ends)
