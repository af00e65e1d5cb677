"""Doubt about new models and unfamiliar kinds of request: wider scales, longer lower tails."""

import numpy as np
import pytest

from predictor.arrays import Array
from predictor.fast.doubt import stretched, widened
from predictor.fast.inputs import COLUMNS, GENERIC, RELATED
from predictor.raw_forecast import LEVELS

SHAPE = 4 * (LEVELS - 0.5)  # ends of 80 % intervals at -1.6 and 1.6
TENTH, NINE_TENTHS = (int(np.abs(LEVELS - level).argmin()) for level in (0.1, 0.9))
USUAL = 0.64  # log tokens from the location to either end, at a scale of 0.4


def rows(*each: dict[str, float]) -> Array:
    """The inputs of one request for each of the given columns by name; the others are 0."""
    inputs = np.zeros((len(each), len(COLUMNS)))
    inputs[:, COLUMNS.index("model_year")] = np.nan
    for row, columns in zip(inputs, each, strict=True):
        for name, value in columns.items():
            row[COLUMNS.index(name)] = value
    return inputs


def ends(
    inputs: Array, location: float | Array, scale: float = 0.4, shape: Array = SHAPE
) -> tuple[Array, Array]:
    """How far the ends of the 80 % intervals are below and above the location, in log tokens."""
    count = len(inputs)
    shapes = np.tile(shape, (count, 1))
    where = np.broadcast_to(np.asarray(location, dtype=np.float64), count)
    wide, lower = widened(inputs, np.full(count, scale), where, shapes)
    quantiles = stretched(shapes, lower) * wide[:, None]
    assert np.all(np.diff(quantiles, axis=1) > 0)
    return -quantiles[:, TENTH], quantiles[:, NINE_TENTHS]


def test_new_models_and_unfamiliar_requests_widen_a_forecast_but_not_beside_a_trusted_prior() -> (
    None
):
    firm: dict[str, float] = {"prior_trust": 0.97, "unfamiliar": 1, "model_route": GENERIC}
    strange = [{"unfamiliar": 1.0}, {"unfamiliar": 5.0}]
    inputs = rows({}, {"model_route": RELATED}, {"model_route": GENERIC}, *strange, firm)
    below, above = ends(inputs, 6.0)
    assert below[0] == above[0] == pytest.approx(USUAL)
    assert USUAL + 0.1 < above[1] < above[2] < above[3]
    assert USUAL + 0.4 < below[1] < below[2]
    assert above[4] == above[3]  # one unfamiliar feature says all
    assert above[5] > above[3]  # the demand may be none, or not be obeyed
    assert below[5] == pytest.approx(USUAL, abs=0.1)


def test_a_request_in_no_doubt_keeps_its_forecast() -> None:
    inputs, scale, shape = rows({}, {}), np.array([0.3, 0.5]), np.tile(SHAPE, (2, 1))
    wide, lower = widened(inputs, scale, np.full(2, 6.0), shape)
    assert wide is scale
    assert lower is None
    assert stretched(shape, lower) is shape


def test_a_new_models_long_answer_is_doubted_below_and_its_short_answer_above() -> None:
    inputs = rows({"model_route": GENERIC}, {"unfamiliar": 1.0})
    below, above = ends(inputs, 6.2)
    assert below[0] > 1.5 * above[0]
    assert below[1] == pytest.approx(above[1])
    short_below, short_above = ends(inputs, 4.3)
    assert short_above[0] > 1.2 * short_below[0]
    assert above[0] < short_above[0]
    assert short_below[0] < below[0]


def test_a_word_is_as_long_from_a_new_model_and_no_answer_is_doubted_without_bound() -> None:
    generic = rows({"model_route": GENERIC})
    assert [float(end[0]) for end in ends(generic, 1.4)] == pytest.approx([USUAL, USUAL])
    assert ends(generic, 7.0)[0] == pytest.approx(ends(generic, 10.3)[0])


def test_what_a_forecast_says_itself_counts_against_the_doubt() -> None:
    """Trees and shapes learn from models and kinds left out: the same doubt, not a second one."""
    inputs = rows({}, {"model_route": GENERIC, "unfamiliar": 1.0})
    narrow, wide, widest = (ends(inputs, 5.5, scale)[0] for scale in (0.4, 0.8, 2.0))
    assert narrow[1] < wide[1] < 1.1 * narrow[1]  # its usual part is wider, the doubt the same
    assert wide[1] > wide[0]
    assert widest[1] == pytest.approx(widest[0])


def test_a_heavy_tail_of_errors_does_not_multiply_the_doubt() -> None:
    inputs = rows({"model_route": GENERIC})
    below, above = ends(inputs, 6.0)
    heavy_below, heavy_above = ends(inputs, 6.0, 0.2, 2 * SHAPE)
    assert heavy_below == pytest.approx(below)
    assert heavy_above == pytest.approx(above)


def test_a_model_of_before_the_training_data_may_be_shorter_by_what_its_year_says_again() -> None:
    years = (np.nan, 2024.0, 2022.5, 2022.0)
    inputs = rows(*({"model_route": GENERIC, "model_year": year} for year in years))
    below, above = ends(inputs, 4.5)
    assert below[0] == below[1]
    assert below[1] + 0.5 < below[2] < below[3] - 0.3
    assert above[0] == above[1] > above[2] + 0.5
    kin, old = rows(*({"model_route": RELATED, "model_year": year} for year in (2024.0, 2022.0)))
    assert ends(kin[None], 4.5)[0] + 0.2 < ends(old[None], 4.5)[0] < below[3]


def test_a_firm_demand_to_a_new_model_leaves_room_above_but_not_below() -> None:
    asked: dict[str, float] = {"prior_trust": 0.95}
    related, generic = asked | {"model_route": RELATED}, asked | {"model_route": GENERIC}
    below, above = ends(rows(asked, related, generic, asked | {"unfamiliar": 1}), 1.4)
    known, kin, new, unfamiliar = above
    assert known == pytest.approx(USUAL)
    assert 1.5 * known < unfamiliar
    assert 1.5 * known < kin < new
    np.testing.assert_allclose(below[:3], USUAL, atol=0.05)


def test_an_unseen_base_model_is_doubted_either_way_even_beside_a_demand() -> None:
    base: dict[str, float] = {"model_base": 1, "model_route": GENERIC, "prior_trust": 0.95}
    tuned, seen = base | {"model_base": 0}, {"model_base": 1.0}
    below, above = ends(rows(base, tuned, seen), 4.0)
    assert below[0] > max(2.0, 1.5 * below[1])
    assert above[0] > 2.0
    assert below[2] == above[2] == pytest.approx(USUAL)


def test_the_larger_doubt_counts_where_model_and_kind_are_both_new() -> None:
    both: dict[str, float] = {"unfamiliar": 1.0, "model_route": GENERIC}
    inputs = rows({"unfamiliar": 1.0}, {"model_route": GENERIC}, both)
    for location in (4.5, 6.5):  # a short answer, of which models differ little, and a long one
        kind, model, together = ends(inputs, location)[0]
        assert together == pytest.approx(max(kind, model))


def test_an_agent_that_goes_on_with_its_task_leaves_half_of_the_doubt() -> None:
    new: dict[str, float] = {"model_route": GENERIC, "unfamiliar": 1.0, "log_previous": 5.0}
    agent = new | {"tool_results": 2.0, "answers_last": 1.0}
    first, asked = agent | {"log_previous": 0.0}, agent | {"answers_last": 0.0}
    chat, goes_on, begins, question = ends(rows(new, agent, first, asked), 6.5)[0] ** 2 - USUAL**2
    assert goes_on == pytest.approx(chat / 4)
    assert begins == pytest.approx(chat)
    assert question == pytest.approx(chat)
