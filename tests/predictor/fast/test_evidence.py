"""Evidence: the stated prior as the data moved it, and how strange a request is."""

import numpy as np
import pytest

from predictor.fast.evidence import NAMES, WATCHED, Evidence, strangeness, watched
from predictor.features.definition import Prompt, extract
from predictor.features.prior import priors
from predictor.features.prior_table import LINES

STRANGENESS, PRIOR, SPREAD, TRUST = range(len(NAMES))
STATED = np.array([line.trust for line in LINES])
PROMPTS = [
    Prompt("m", "What is the capital of France? Answer in one word."),
    Prompt("m", "The trees at the river stand near the old mill."),
]


def evidence(**parts: float) -> Evidence:
    """Evidence without ranges; ``shift`` and ``share`` are those of all lines."""
    wide = np.full(len(WATCHED), 1e9)
    shares = np.full(len(LINES), parts["share"]) if "share" in parts else STATED
    return Evidence(shares, np.full(len(LINES), parts.get("shift", 0.0)), -wide, wide)


def test_strangeness_counts_the_features_outside_of_their_ranges() -> None:
    low, high = np.zeros(4), np.ones(4)
    values = np.array([[0.5, 0, 1, np.nan], [2, 0.5, 0.5, 0.5], [2, -1, 0.5, 3]])
    assert strangeness(values, low, high) == pytest.approx(np.log1p([0, 1, 3]))


def test_limits_and_sampling_are_not_watched() -> None:
    plain = Prompt("m", PROMPTS[1].text)
    odd = Prompt("m", PROMPTS[1].text, temperature=1.7, top_p=0.2, max_tokens=9, system="Be kind.")
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
