"""The refined head, on simulated tiers with known errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pytest

from predictor.arrays import Array, Single
from predictor.artefact.format import ArtefactError
from predictor.evaluation.scores import kendall_tau
from predictor.fast.doubt import widened
from predictor.fast.inputs import (
    BASE,
    COLUMNS,
    GENERIC,
    KNOWN,
    PRIOR,
    ROUTE,
    THINKING,
    TRUST,
    UNFAMILIAR,
    TrainedModels,
)
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refined.head import RefinedHead
from predictor.refined.head_inputs import encoder_share, whole_lengths
from predictor.training.refined.stacking import fit_refined_head
from predictor.training.refined.stacking_cells import StackingCells

NAMES = ["Qwen/Qwen2.5-7B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3", "acme/Solo-Instruct"]
LEVEL = np.array([0.3, 0.0, -0.3])
ENDLESS = 0.01
SHAPES = np.tile(4 * (LEVELS - 0.5), (1000, 1))
SCRIPTS = [at for at, name in enumerate(COLUMNS) if name.startswith("script ")]


@dataclass(frozen=True)
class World:
    """Cells of two noisy tiers, with the ``encoded`` texts as the encoder gives them, and truth."""

    cells: StackingCells
    encoded: Single
    truth: Array
    models: TrainedModels


def world(prompts: int, *, seed: int, route: int = KNOWN) -> World:
    """The fast tier errs by 0.5 and says so falsely (0.2); the encoder errs by 0.3."""
    rng = np.random.default_rng(seed)
    models = TrainedModels(NAMES, LEVEL)
    prompt, model = (part.ravel() for part in np.mgrid[:prompts, : len(NAMES)])
    effect = rng.normal(5.5, 0.8, prompts)
    truth = effect[prompt] + LEVEL[model]
    count = len(prompt)
    columns = effect[:, None] + LEVEL + rng.normal(0, 0.3, (prompts, 1))
    encoded = np.column_stack([columns, np.full(prompts, np.log(0.3))])[prompt].astype(np.float32)
    raw_forecasts = RawForecasts(
        location=truth + rng.normal(0, 0.5, prompts)[prompt],
        scale=np.full(count, 0.2),
        shape=np.zeros((count, len(LEVELS))),
        endless=np.full(count, ENDLESS),
        inputs=rng.normal(size=(count, len(COLUMNS))),
    )
    raw_forecasts.inputs[:, [THINKING, TRUST, UNFAMILIAR, BASE, *SCRIPTS]] = 0.0
    raw_forecasts.inputs[:, ROUTE] = route
    known, generic = ([of(name) for name in NAMES] for of in (models.match, models.generic))
    matches = [known[at] if route == KNOWN else generic[at] for at in model]
    values = truth[:, None] + rng.normal(0, 0.2, (count, 5))
    ones = np.ones(count)
    whole = whole_lengths(encoded, raw_forecasts.inputs)
    cells = StackingCells(raw_forecasts, whole, matches, prompt, model, values, ones, ones)
    return World(cells, encoded, truth, models)


@pytest.fixture(scope="module")
def head() -> RefinedHead:
    made = world(400, seed=0)
    return fit_refined_head(made.cells, made.models)


def refined(head: RefinedHead, of: World) -> RawForecasts:
    return head.refine(of.cells.raw_forecasts, of.encoded, of.cells.matches)


def test_words_learned_from_traffic_move_a_refined_forecast_as_far_as_a_fast_one(
    head: RefinedHead,
) -> None:
    of = world(50, seed=4)
    raw, plain = of.cells.raw_forecasts, refined(head, of)
    learned = np.random.default_rng(0).normal(0, 1, len(raw))
    moved = replace(raw, location=raw.location + learned, learned=learned)
    made = head.refine(moved, of.encoded, of.cells.matches)
    assert made.location == pytest.approx(plain.location + learned)
    assert made.scale == pytest.approx(plain.scale)
    assert made.learned is not None


def test_the_head_is_better_than_either_tier(head: RefinedHead) -> None:
    new = world(300, seed=1)
    better = refined(head, new).location
    encoder = new.cells.encoded[np.arange(len(new.truth)), new.cells.model].astype(np.float64)
    fast = new.cells.raw_forecasts.location
    tau = kendall_tau(better, new.truth)
    assert tau > kendall_tau(encoder, new.truth) + 0.01
    assert tau > kendall_tau(fast, new.truth) + 0.1
    np.testing.assert_allclose(head.blend[KNOWN, :2], [0.26, 0.74], atol=0.08)


def test_refined_intervals_have_their_nominal_coverage_although_fast_intervals_do_not(
    head: RefinedHead,
) -> None:
    new = world(600, seed=2)
    better = refined(head, new)
    inside = []
    for low, high in ((0.1, 0.9), (0.0125, 0.99)):
        ends = [
            better.location + better.scale * better.shape[:, np.argmin(np.abs(LEVELS - level))]
            for level in (low, high)
        ]
        values = new.cells.values
        inside.append(np.mean((values >= ends[0][:, None]) & (values <= ends[1][:, None])))
    assert inside == pytest.approx([0.8, 0.9775], abs=0.03)


def test_the_head_keeps_the_endless_rate_and_the_inputs(head: RefinedHead) -> None:
    new = world(5, seed=3)
    better = refined(head, new)
    np.testing.assert_array_equal(better.endless, ENDLESS)
    np.testing.assert_array_equal(better.inputs, new.cells.raw_forecasts.inputs)


def test_the_fast_share_keeps_the_blend_away_and_leaves_the_boosters_correction(
    head: RefinedHead,
) -> None:
    new = world(20, seed=7)
    fast, bold = new.cells.raw_forecasts.location, refined(head, new).location
    corrected = refined(replace(head, fast_share=1.0), new).location
    assert 0 < np.abs(corrected - fast).mean() < 0.5 * np.abs(bold - fast).mean()
    found = refined(replace(head, fast_share=0.4), new).location
    np.testing.assert_allclose(found, 0.4 * corrected + 0.6 * bold)


def test_the_fast_share_of_a_route_holds_for_its_models_alone(head: RefinedHead) -> None:
    head = replace(head, blend=np.tile([0.3, 0.7, 0.0], (len(head.blend), 1)))
    of_known = replace(head, fast_share=np.array([0.0, 1.0, 1.0]))
    for route, same in ((KNOWN, True), (GENERIC, False)):
        new = world(20, seed=5, route=route)
        whole = refined(replace(head, fast_share=0.0), new).location
        assert np.allclose(refined(of_known, new).location, whole) == same


@pytest.mark.parametrize(
    ("column", "value"),
    [("prior_trust", 0.97), ("script kana", 0.9), ("turns", 6.0), ("unfamiliar", 0.9)],
    ids=["prior", "script", "turns", "kind"],
)
def test_the_refined_tier_changes_little_of_what_the_encoder_does_not_know(
    head: RefinedHead, column: str, value: float
) -> None:
    new = world(20, seed=8)
    fast, bold = new.cells.raw_forecasts.location, refined(head, new).location
    new.cells.raw_forecasts.inputs[:, COLUMNS.index(column)] = value
    found = np.abs(refined(head, new).location - fast)
    assert found.mean() < 0.4 * np.abs(bold - fast).mean()


def test_the_encoder_says_more_beside_the_prior_of_a_base_model_which_need_not_obey() -> None:
    inputs = np.zeros((3, len(COLUMNS)))
    inputs[1:, TRUST], inputs[2, BASE] = 0.9, 1.0
    plain, tuned, base = encoder_share(inputs)
    assert tuned < 0.05 * plain < 0.3 * plain < base <= plain


def test_a_demand_for_a_long_answer_leaves_more_to_the_encoder_than_one_for_a_short_one() -> None:
    """Essays are in the data trained on, labels are not."""
    inputs = np.zeros((4, len(COLUMNS)))
    inputs[:, TRUST] = 0.5, 0.5, 0.8, 0.0
    inputs[:, PRIOR] = np.log(20.0), np.log(700.0), np.log(700.0), np.nan
    short, long, firm, none = encoder_share(inputs)
    assert 0 < short < 0.7
    assert (long, firm, none) == (1.0, 0.0, 1.0)


def test_the_thinking_of_a_request_lengthens_what_the_encoder_says_of_its_answer() -> None:
    inputs = np.zeros((2, len(COLUMNS)))
    inputs[1, THINKING] = 1.0
    encoded = np.full((2, 3), 4.0, dtype=np.float32)
    plain, thinking = whole_lengths(encoded, inputs)
    assert plain.tolist() == [4.0, 4.0, 4.0]
    assert np.all(thinking[:2] > 5.0)
    assert thinking[2] == 4.0  # the size of the error


def test_a_route_without_any_rows_keeps_the_fast_location_in_its_blend(head: RefinedHead) -> None:
    np.testing.assert_allclose(head.blend[GENERIC], [1.0, 0.0, 0.0])


def test_a_model_never_seen_is_refined_from_the_mean_over_models() -> None:
    made = world(400, seed=4, route=GENERIC)
    fitted = fit_refined_head(made.cells, made.models)
    new = world(200, seed=5, route=GENERIC)
    assert fitted.blend[GENERIC, 1] > 0.4
    better = kendall_tau(refined(fitted, new).location, new.truth)
    assert better > kendall_tau(new.cells.raw_forecasts.location, new.truth) + 0.03


def test_a_stored_head_answers_as_before(head: RefinedHead) -> None:
    boosters = {name: lgb.Booster(model_str=text) for name, text in head.boosters().items()}
    again = RefinedHead.from_parts(head.arrays(), boosters, head.models)
    new = world(20, seed=6)
    np.testing.assert_allclose(refined(again, new).location, refined(head, new).location)
    np.testing.assert_allclose(refined(again, new).scale, refined(head, new).scale)


@pytest.mark.parametrize(
    "lost", ["refined_blend", "refined_knots", "refined_shapes", "refined_trust", "refined_caution"]
)
def test_a_missing_part_is_named(head: RefinedHead, lost: str) -> None:
    arrays = {name: value for name, value in head.arrays().items() if name != lost}
    boosters = {name: lgb.Booster(model_str=text) for name, text in head.boosters().items()}
    with pytest.raises(ArtefactError, match=rf"lacks '{lost}'.*lengthwise train --encoder"):
        RefinedHead.from_parts(arrays, boosters, head.models)


def test_parts_of_different_models_are_refused(head: RefinedHead) -> None:
    fewer = TrainedModels(NAMES[:2], LEVEL[:2])
    boosters = {name: lgb.Booster(model_str=text) for name, text in head.boosters().items()}
    with pytest.raises(ArtefactError, match="do not fit together"):
        RefinedHead.from_parts(head.arrays(), boosters, fewer)


def test_one_prompt_is_refined_as_in_a_batch(head: RefinedHead) -> None:
    new = world(10, seed=7)
    whole = refined(head, new)
    fast = new.cells.raw_forecasts
    one = head.refine(
        replace(
            fast,
            location=fast.location[:1],
            scale=fast.scale[:1],
            shape=fast.shape[:1],
            endless=fast.endless[:1],
            inputs=fast.inputs[:1],
        ),
        new.encoded[:1],
        new.cells.matches[:1],
    )
    assert one.location[0] == pytest.approx(whole.location[0])
    assert one.scale[0] == pytest.approx(whole.scale[0])


def test_the_doubt_of_a_new_model_is_about_the_refined_forecast(head: RefinedHead) -> None:
    """The fast tier has the longer answers the shorter: their order is the encoder's."""
    of = world(2, seed=9, route=GENERIC)
    raw = of.cells.raw_forecasts
    raw.inputs[:] = 0.0
    raw.inputs[:, ROUTE] = GENERIC
    opposite = replace(raw, location=np.repeat([6.4, 4.0], 3))
    encoded = np.repeat(np.array([[4.0] * 3 + [-1.0], [6.4] * 3 + [-1.0]], np.float32), 3, axis=0)
    believing = replace(head, blend=np.tile([0.0, 1.0, 0.0], (len(head.blend), 1)))
    made = believing.refine(opposite, encoded, of.cells.matches)
    assert made.location[3] > made.location[0] + 1.0
    # Of long answers, models refuse more.
    assert made.shape[3, 0] < 1.2 * made.shape[0, 0] < 0


def test_doubt_larger_than_a_refined_scale_leaves_quantiles_in_order(head: RefinedHead) -> None:
    """A firm demand for a new model: the fast scale is mostly doubt, the head's is smaller."""
    of = world(30, seed=6, route=GENERIC)
    raw = of.cells.raw_forecasts
    raw.inputs[:, TRUST] = 0.97
    scale, _ = widened(raw.inputs, raw.scale, raw.location, SHAPES[: len(raw)])
    made = head.refine(replace(raw, scale=scale, plain=raw.scale), of.encoded, of.cells.matches)
    assert made.plain is not None
    assert (made.plain < scale).all()
    assert (made.scale > made.plain).all()
    assert (np.diff(made.shape, axis=1) >= 0).all()


def test_what_the_head_corrects_is_not_widened_by_the_doubt(head: RefinedHead) -> None:
    of = world(30, seed=6, route=GENERIC)
    raw = of.cells.raw_forecasts
    doubted = replace(raw, scale=raw.scale + 2.0, plain=raw.scale)
    made, wanted = (head.refine(x, of.encoded, of.cells.matches) for x in (doubted, raw))
    np.testing.assert_array_equal(made.location, wanted.location)
    np.testing.assert_array_equal(made.scale, wanted.scale)
