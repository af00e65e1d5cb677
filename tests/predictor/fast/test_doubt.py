"""Doubt about new models and unfamiliar kinds of request: wider scales, longer lower tails."""

import numpy as np
import pytest

from predictor.arrays import Array
from predictor.fast.doubt import stretched, widened
from predictor.fast.inputs import COLUMNS, GENERIC, RELATED

SHAPE = np.array([-2.0, -1.0, 0.1, 1.0, 2.0])


def rows(*each: dict[str, float]) -> Array:
    """The inputs of one request for each of the given columns by name; the others are 0."""
    inputs = np.zeros((len(each), len(COLUMNS)))
    for row, columns in zip(inputs, each, strict=True):
        for name, value in columns.items():
            row[COLUMNS.index(name)] = value
    return inputs


def quantiles(inputs: Array, location: Array) -> tuple[Array, Array]:
    """The widened scales, and the quantiles from the location on, in log tokens."""
    scale = widened(inputs, np.full(len(inputs), 0.4), location)
    shape = stretched(inputs, scale, location, np.tile(SHAPE, (len(inputs), 1)))
    return scale, shape * scale[:, None]


def test_new_models_and_unfamiliar_requests_widen_a_forecast_but_not_beside_a_trusted_prior() -> (
    None
):
    firm: dict[str, float] = {"prior_trust": 0.97, "unfamiliar": 1, "model_route": GENERIC}
    strange = [{"unfamiliar": 1.0}, {"unfamiliar": 5.0}]
    inputs = rows({}, {"model_route": RELATED}, {"model_route": GENERIC}, *strange, firm)
    scale, wide = quantiles(inputs, np.full(6, 6.0))
    usual, related, generic, once, often, ruled = scale
    assert usual == 0.4
    assert usual < related < generic < once
    assert often == once  # one unfamiliar feature says all
    assert ruled > once  # above alone: the demand may be none, or not be obeyed
    assert wide[5, 0] == pytest.approx(-0.8, abs=0.1)
    np.testing.assert_allclose(wide[0], 0.4 * SHAPE)


def test_a_new_model_is_doubted_below_the_forecast_more_than_above() -> None:
    inputs = rows({"model_route": RELATED}, {"model_route": GENERIC}, {"unfamiliar": 1.0})
    _, wide = quantiles(inputs, np.full(3, 6.0))
    assert np.all(wide[:2, 0] < -1.2 * wide[:2, -1])
    assert wide[2, 0] == pytest.approx(-wide[2, -1])
    assert np.all(np.diff(wide, axis=1) > 0)


def test_the_longer_an_answer_the_more_its_length_depends_on_a_new_model() -> None:
    location = np.log([4, 100, 1000, 30_000])
    scale, wide = quantiles(np.repeat(rows({"model_route": GENERIC}), 4, axis=0), location)
    assert scale[0] == 0.4
    np.testing.assert_allclose(wide[0], 0.4 * SHAPE)
    assert np.all(np.diff(wide[:3, 0]) < -0.4)
    assert np.all(np.diff(wide[:3, -1]) > 0.05)
    assert scale[3] < 2


def test_a_firm_demand_to_a_new_model_leaves_room_above_but_not_below() -> None:
    asked: dict[str, float] = {"prior_trust": 0.95}
    related, generic = asked | {"model_route": RELATED}, asked | {"model_route": GENERIC}
    _, wide = quantiles(rows(asked, related, generic, asked | {"unfamiliar": 1}), np.full(4, 1.4))
    known, kin, new, unfamiliar = wide
    assert known[-1] == pytest.approx(0.8)
    assert 1.5 * known[-1] < unfamiliar[-1]
    assert 1.5 * known[-1] < kin[-1] < new[-1]
    np.testing.assert_allclose(wide[1:3, 0], -0.8, atol=0.05)


def test_an_unseen_base_model_is_doubted_either_way_even_beside_a_demand() -> None:
    base: dict[str, float] = {"model_base": 1, "model_route": GENERIC, "prior_trust": 0.95}
    tuned, seen = base | {"model_base": 0}, {"model_base": 1.0}
    _, wide = quantiles(rows(base, tuned, seen), np.full(3, 4.0))
    assert wide[0, 0] < -2.5 < 1.2 * wide[1, 0]
    assert wide[0, -1] > 2.5
    np.testing.assert_allclose(wide[2], 0.4 * SHAPE)


def test_the_larger_doubt_counts_where_model_and_kind_are_both_new() -> None:
    both: dict[str, float] = {"unfamiliar": 1.0, "model_route": GENERIC}
    inputs = rows({"unfamiliar": 1.0}, {"model_route": GENERIC}, both)
    for location in (4.5, 6.5):  # a short answer, of which models differ little, and a long one
        _, wide = quantiles(inputs, np.full(3, location))
        kind, model, together = wide[:, 0]
        assert together == pytest.approx(min(kind, model))


def test_an_agent_that_goes_on_with_its_task_leaves_half_of_the_doubt() -> None:
    new: dict[str, float] = {"model_route": GENERIC, "unfamiliar": 1.0, "log_previous": 5.0}
    agent = new | {"tool_results": 2.0, "answers_last": 1.0}
    first, asked = agent | {"log_previous": 0.0}, agent | {"answers_last": 0.0}
    _, wide = quantiles(rows(new, agent, first, asked), np.full(4, 6.5))
    chat, goes_on, begins, question = wide[:, 0] ** 2 - (2 * 0.4) ** 2
    assert goes_on == pytest.approx(chat / 4)
    assert begins == pytest.approx(chat)
    assert question == pytest.approx(chat)
