"""The page: every figure of the log, words of strangers as words, nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.config.settings import Config
from gateway.report.facts import Asked, Facts, facts_of
from gateway.report.page import text
from gateway.report.page.document import document
from gateway.report.page.html import Html, el, name
from gateway.report.period import Period
from predictor.evaluation.served import scores_by_kind, served_answers
from predictor.served_log import read
from tests.gateway.replay.traffic import traffic
from tests.gateway.report.logs import records, written

HOSTILE = "<img src=x onerror='window.hacked=1'>\u202e\x1b[2J"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    some = list(records(traffic(count=270)))
    named = [replace(one, key=HOSTILE, model=HOSTILE) for one in some[:5]]
    return written(tmp_path_factory.mktemp("log"), iter([*named, *some]))


@pytest.fixture(scope="module")
def facts(folder: Path) -> Facts:
    return facts_of(Asked(folder, Period(), Config()))


@pytest.fixture(scope="module")
def page(facts: Facts) -> str:
    return document(facts)


class _Structure(HTMLParser):
    """Elements that are open, all that there were, and the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(page: str) -> _Structure:
    found = _Structure()
    found.feed(page)
    assert found.open == []
    return found


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    found = _read(page)
    assert len(found.ids) == len(set(found.ids))
    assert found.tags.count("h2") == 5
    assert found.tags.count("svg") > 10
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert not {"src", "href", "srcset", "action", "onerror"} & found.attributes
    assert not re.search(r"url\(|@import", page)


def test_words_of_strangers_stay_words(page: str) -> None:
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_the_forecasts_are_those_of_evaluate(folder: Path, facts: Facts, page: str) -> None:
    scored = list(scores_by_kind(served_answers(read(folder))))
    told = {row["kind"]: row for row in (facts["forecasts"]["all"], *facts["forecasts"]["kinds"])}
    for one in scored:
        row = told[one.kind]
        assert (row["answers"], row["coverage"], row["factor"]) == (
            one.answers,
            one.coverage,
            one.factor,
        )
        assert row["skill"] == pytest.approx(one.skill)
        assert row["tau"] == pytest.approx(one.tau)
    shown = _read(page).text
    assert f"held {text.share(scored[0].coverage)} of" in " ".join(shown)


def test_figures_stand_on_the_page(facts: Facts, page: str) -> None:
    shown = " ".join(_read(page).text)
    saved = facts["saved"]["saved"]["fcfs"]["all"]["mean_e2e"]
    assert text.signed(saved["share"]) in shown
    whole = facts["latency"]["classes"][0]["e2e"]
    for one in ("mean", "p50", "p90", "p99"):
        assert text.seconds(whole[one]) in shown
    assert text.number(facts["traffic"]["output_tokens"]) in shown
    assert "no text of prompts or answers" in shown


def test_text_is_escaped_unless_it_is_html() -> None:
    assert el("p", "a < b", Html("<br>"), title='"x"') == (
        '<p title="&quot;x&quot;">a &lt; b<br></p>'
    )
    assert "…" in name("x" * 500)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 ms"),
        (0.0042, "4.2 ms"),
        (0.25, "250 ms"),
        (0.9999, "1.00 s"),
        (12.34, "12.3 s"),
        (-75.0, "−75.0 s"),
        (125.0, "2 min 05 s"),
        (86_400.0, "24 h 00 min"),
        (864_000.0, "10 days"),
    ],
)
def test_durations_are_shown_in_the_unit_that_fits(value: float, shown: str) -> None:
    assert text.seconds(value).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(("value", "shown"), [(-0.001, "0 %"), (0.126, "+13 %"), (-0.5, "−50 %")])
def test_a_share_has_its_sign(value: float, shown: str) -> None:
    assert text.signed(value).replace("\N{NO-BREAK SPACE}", " ") == shown
