"""Evidence: the stated prior as the data moved it, and how strange a request is."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.fast.evidence import NAMES, WATCHED, Evidence, is_code, novelty, watched
from predictor.features.definition import Prompt, extract
from predictor.features.prior import priors
from predictor.features.prior_table import LINES

STRANGENESS, UNFAMILIAR, PRIOR, SPREAD, TRUST = range(len(NAMES))
STATED = np.array([line.trust for line in LINES])
PROMPTS = [
    Prompt("m", "What is the capital of France? Answer in one word."),
    Prompt("m", "The trees at the river stand near the old mill."),
]


def evidence(**parts: float) -> Evidence:
    """Evidence without ranges; ``shift`` and ``share`` are those of all lines."""
    wide = np.full(len(WATCHED), 1e9)
    shares = np.full(len(LINES), parts["share"]) if "share" in parts else STATED
    return Evidence(shares, np.full(len(LINES), parts.get("shift", 0.0)), -wide[None], wide[None])


def test_strangeness_counts_the_features_outside_of_their_ranges() -> None:
    low, high = np.zeros((1, len(WATCHED))), np.ones((1, len(WATCHED)))
    values = np.full((3, len(WATCHED)), 0.5)
    values[0, :2] = np.nan, 1.0
    values[1, 0] = 2.0
    values[2, :3] = 2.0, -1.0, 3.0
    assert novelty(values, low, high)[:, STRANGENESS] == pytest.approx(np.log1p([0, 1, 3]))


def test_a_request_that_is_like_no_single_kind_is_strange_though_like_all_together() -> None:
    """The script of one kind with the length of another and the marks of a third."""
    ranges = np.zeros((2, 2, len(WATCHED)))
    ranges[1, 0, :8] = ranges[1, 1, 8:16] = 1.0
    values = np.zeros((3, len(WATCHED)))
    values[0, :8] = values[1, 8:16] = values[2, :16] = 0.5
    together = novelty(values, ranges[:1].min(axis=1), ranges[1:].max(axis=1))
    assert np.all(together == 0)
    found = novelty(values, *ranges)
    assert found[:, STRANGENESS] == pytest.approx(np.log1p([0, 0, 8]))
    assert found[:, UNFAMILIAR].tolist() == [0, 0, 1]


def test_a_new_script_or_kind_of_request_is_unfamiliar_and_four_odd_features_are_not() -> None:
    made = evidence()
    usual = np.nan_to_num(watched(extract(PROMPTS)))
    known = replace(made, low=usual.min(axis=0)[None], high=usual.max(axis=0)[None])
    others = [Prompt("m", "日本語"), Prompt("m", PROMPTS[1].text, tools=3)]
    rows = known.columns(extract([*PROMPTS, *others]))
    assert np.all(rows[2:, STRANGENESS] > 0)
    assert rows[:2, UNFAMILIAR].tolist() == [0, 0]
    assert np.all(rows[2:, UNFAMILIAR] >= 1)
    low, high = np.zeros((1, len(WATCHED))), np.ones((1, len(WATCHED)))
    odd = np.full((2, len(WATCHED)), 0.5)
    odd[0, :4], odd[1, :6] = 2.0, 2.0
    assert novelty(odd, low, high)[0, UNFAMILIAR] == 0
    assert 0 < novelty(odd, low, high)[1, UNFAMILIAR] < 1


def test_a_demand_in_a_task_with_code_is_trusted_little() -> None:
    code = "Write a Python function that takes a class and asserts its input. Print one word."
    features = extract([Prompt("m", code), PROMPTS[0]])
    assert is_code(features).tolist() == [True, False]
    prior = priors(features.lexical, features.context)
    rows = evidence().columns(features)
    assert rows[0, TRUST] < 0.2 * prior.trust[0]
    assert rows[1, TRUST] == pytest.approx(prior.trust[1])


def test_a_demand_for_bare_code_is_trusted_in_a_short_request_alone() -> None:
    table, demand = "The table has a class and an input. ", "Write an SQL query for it. Query only."
    features = extract([Prompt("m", table + demand), Prompt("m", table * 30 + demand)])
    assert is_code(features).tolist() == [True, True]
    prior = priors(features.lexical, features.context)
    assert prior.trust[0] == prior.trust[1] > 0.6
    rows = evidence().columns(features)
    assert rows[0, TRUST] == pytest.approx(prior.trust[0])
    assert rows[1, TRUST] < 0.2 * prior.trust[1]


def test_limits_and_sampling_are_not_watched() -> None:
    plain = Prompt("m", PROMPTS[1].text)
    odd = Prompt("m", PROMPTS[1].text, temperature=1.7, top_p=0.2, max_tokens=9)
    first, second = watched(extract([plain, odd]))
    np.testing.assert_array_equal(first, second)
    (tools,) = watched(extract([Prompt("m", PROMPTS[1].text, tools=40)]))
    assert np.sum(np.nan_to_num(tools) != np.nan_to_num(first)) == 1


def test_the_prior_of_a_demand_is_moved_by_shift_and_share() -> None:
    features = extract(PROMPTS)
    prior = priors(features.lexical, features.context)
    stated, moved = evidence().columns(features), evidence(shift=0.5, share=0.25).columns(features)
    assert stated[0, PRIOR] == pytest.approx(prior.location[0])
    assert stated[0, TRUST] == pytest.approx(prior.trust[0])
    assert moved[0, PRIOR] == pytest.approx(stated[0, PRIOR] + 0.5)
    assert moved[0, TRUST] == pytest.approx(0.25 * prior.strength[0])
    assert moved[0, SPREAD] == stated[0, SPREAD] > 0


def test_a_request_without_a_demand_has_no_trust_whatever_the_shares() -> None:
    features = extract(PROMPTS)
    row = evidence(share=0.9).columns(features)[1]
    assert row[TRUST] == 0
    assert np.isnan(row[[PRIOR, SPREAD]]).all()


def test_stored_evidence_says_the_same() -> None:
    features, made = extract(PROMPTS), evidence(shift=0.3)
    again = Evidence.from_arrays(made.arrays())
    np.testing.assert_array_equal(again.columns(features), made.columns(features))
    with pytest.raises(KeyError):
        Evidence.from_arrays({})
    stored = made.arrays()  # of before the ranges were kept by kind
    stored |= {name: stored[name][0] for name in ("range_low", "range_high")}
    older = Evidence.from_arrays(stored)
    np.testing.assert_array_equal(older.columns(features), made.columns(features))


def test_evidence_of_a_shorter_table_has_what_the_new_lines_state() -> None:
    stored = evidence(shift=0.3, share=0.2).arrays()
    for name in ("prior_shares", "prior_shifts"):
        stored[name] = stored[name][:-2]
    again = Evidence.from_arrays(stored)
    assert again.shares[-3:].tolist() == [0.2, *STATED[-2:]]
    assert again.shifts[-3:].tolist() == [0.3, 0, 0]
