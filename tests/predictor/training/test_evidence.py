"""The fit of the evidence: priors that data moves, and ranges of features by kind."""

import numpy as np
import pytest

from predictor.arrays import Array, Indices
from predictor.fast.evidence import Evidence, watched
from predictor.features.definition import Prompt, TextFeatures, extract
from predictor.features.prior import priors
from predictor.features.prior_table import LINES
from predictor.training.evidence import fit_evidence
from predictor.training.text_model import TextTargets

MANY = 30_000
USUAL = 5.5
"""What the text model expects of every prompt, in log tokens."""

TOPICS = [f"the {colour} {thing}" for colour in ("red", "old") for thing in ("sea", "fox", "moon")]


def demands(count: int) -> TextFeatures:
    """Requests for one word."""
    topics = [TOPICS[at % len(TOPICS)] for at in range(count)]
    return extract([Prompt("", f"What is {topic}? Answer in one word.") for topic in topics])


def fitted(
    features: TextFeatures, effect: Array, answered: int = 10, *, same_text: bool = False
) -> Evidence:
    made = targets(effect, np.zeros(len(effect), np.intp), answered)
    texts = ["the same" if same_text else number for number in each(effect)]
    return fit_evidence(features, made, np.full(len(effect), USUAL), texts)[0]


def each(effect: Array) -> list[str]:
    """A text of its own for each prompt."""
    return [str(number) for number in range(len(effect))]


def targets(effect: Array, kind: Indices, answered: int = 10) -> TextTargets:
    count = len(effect)
    return TextTargets(effect, np.full(count, answered), np.zeros((count, 0)), kind, kind)


def line_of(features: TextFeatures) -> int:
    (line,) = np.unique(priors(features.lexical, features.context).line)
    return int(line)


def test_much_data_moves_the_prior_of_its_line_and_no_other() -> None:
    features = demands(MANY)
    line = line_of(features)
    stated = float(priors(features.lexical, features.context).location[0])
    found = fitted(features, np.full(MANY, stated + 1.5))
    assert found.shifts[line] == pytest.approx(1.5, abs=0.15)
    assert found.shares[line] > 0.9
    others = np.arange(len(LINES)) != line
    assert np.all(found.shifts[others] == 0)
    trusts = [line.trust for line in LINES]
    assert found.shares[others].tolist() == np.array(trusts)[others].tolist()


def test_a_line_that_data_contradicts_loses_its_share() -> None:
    features = demands(MANY)
    rng = np.random.default_rng(0)
    found = fitted(features, USUAL + rng.normal(0, 0.1, MANY))
    # The text model alone is right: shifted to it, or trusted little.
    line, stated = line_of(features), float(priors(features.lexical, features.context).location[0])
    left = (1 - found.shares[line]) * USUAL + found.shares[line] * (stated + found.shifts[line])
    assert left == pytest.approx(USUAL, abs=0.3)


def test_little_data_moves_a_prior_little_and_unanswered_prompts_not_at_all() -> None:
    features = demands(6)
    line, stated = line_of(features), float(priors(features.lexical, features.context).location[0])
    few = fitted(features, np.full(6, stated + 1.5))
    assert 0 < few.shifts[line] < 0.5
    seldom = fitted(features, np.full(6, stated + 1.5), answered=1)
    assert seldom.shifts[line] < few.shifts[line]
    none = fitted(features, np.full(6, np.nan))
    assert np.all(none.shifts == 0)
    assert none.shares[line] == LINES[line].trust


def test_the_more_data_contradicts_a_line_the_less_of_its_trust_stays() -> None:
    shares = []
    for count in (2, 20, 200):
        features = demands(count)
        found = fitted(features, np.full(count, USUAL), answered=1)
        shares.append(found.shares[line_of(features)])
    assert LINES[line_of(demands(2))].trust > shares[0] > shares[1] > shares[2] >= 0


def test_a_text_asked_with_several_settings_counts_once() -> None:
    features, many = demands(60), np.full(60, USUAL + 1)
    line = line_of(features)
    repeated, once = fitted(features, many, same_text=True), fitted(demands(1), many[:1])
    assert repeated.shifts[line] == pytest.approx(once.shifts[line])
    assert repeated.shifts[line] < 0.2 * fitted(features, many).shifts[line]


def test_strangeness_is_outside_of_the_ranges_of_all_kinds_and_apart_from_the_own() -> None:
    short = [Prompt("", f"Tell me of {TOPICS[at % 6]}.") for at in range(40)]
    tools = [Prompt("", f"Tell me of {TOPICS[at % 6]}.", tools=5, turns=9) for at in range(40)]
    features, kind = extract([*short, *tools]), np.repeat([0, 1], 40)
    flat = np.full(80, USUAL)
    found, apart = fit_evidence(features, targets(flat, kind), flat, each(flat))
    both = found.columns(features)[:, :2]
    assert np.median(both, axis=0).tolist() == [0, 0]
    # Tools and turns are strange to the plain kind, and no tools at all to the other.
    assert apart[:, 0] == pytest.approx(np.log1p(2), abs=0.8)
    assert np.all(apart >= both)
    assert np.all(apart[:, 1] >= 1)
    strange = extract([Prompt("", f"Tell me of {TOPICS[0]}.", tools=90, turns=50, schema_fields=9)])
    assert found.columns(strange)[0, 0] >= np.log1p(3)
    values = watched(features)
    assert np.all(found.low <= np.nan_to_num(values).max(axis=0))
    assert np.all(found.high >= np.nan_to_num(values).min(axis=0))


def test_one_kind_alone_is_strange_to_nothing() -> None:
    features = demands(30)
    flat = np.full(30, USUAL)
    _, apart = fit_evidence(features, targets(flat, np.zeros(30, np.intp)), flat, each(flat))
    assert np.all(apart == 0)


def test_tasks_with_code_say_nothing_of_how_far_a_prior_holds() -> None:
    texts = [f"Write a Python class with input {at} and assert. One word only." for at in range(60)]
    found = fitted(extract([Prompt("", text) for text in texts]), np.full(60, USUAL + 2))
    assert np.all(found.shifts == 0)
