"""Document: the whole page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from gateway.report.page import forecasts, latency, saved, settings, text, traffic
from gateway.report.page.html import Html, el

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page may ask for nothing, and run nothing, whatever stands in it."""

_SECTIONS = (
    ("traffic", "Traffic", traffic.section),
    ("latency", "Where the time went", latency.section),
    ("saved", "What the policy saved", saved.section),
    ("forecasts", "Where the predictor fails", forecasts.section),
    ("settings", "What to change", settings.section),
)


def document(facts: Mapping[str, Any]) -> str:
    """The HTML text of the page, which needs no other file."""
    period = _period(facts["traffic"])
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="color-scheme", content="light dark"),
        el("title", f"Lengthwise report, {period}"),
        el("style", Html(style())),
    )
    top = el("header", el("h1", "Lengthwise report"), el("p", f"{period}, UTC"), _about(facts))
    cards = (_card(facts, *section) for section in _SECTIONS)
    body = el("body", top, el("main", cards))
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def style() -> str:
    """The style of the live page, and what the report adds."""
    parts = (("gateway.admin.dashboard", "page/style.css"), ("gateway.report", "page/style.css"))
    return "\n".join(
        files(package).joinpath(path).read_text(encoding="utf-8") for package, path in parts
    )


def _period(traffic: Mapping[str, Any]) -> str:
    return f"{text.moment(traffic['begin'])} to {text.moment(traffic['end'])}"


def _card(facts: Mapping[str, Any], name: str, title: str, section: Any) -> Html:
    conclusion, content = section(facts)
    words = el("p", conclusion, class_="conclusion verdict" if name == "settings" else "conclusion")
    title_id = f"{name}-title"
    heading = el("h2", title, id=title_id)
    return el("section", heading, words, content, class_="card", id=name, aria_labelledby=title_id)


def _about(facts: Mapping[str, Any]) -> Iterator[Html]:
    about = facts["about"]
    made = f"Made {text.moment(about['made_at'])} of {text.number(about['log_requests'])} records"
    yield el("p", f"{made}; it holds no text of prompts or answers.")
    if about["broken"]:
        records = text.number(about["broken"])
        yield el("p", f"{records} records of the whole log cannot be true and were left out.")
    if about["lost_files"] or about["lost_lines"]:
        files, lines = text.number(about["lost_files"]), text.number(about["lost_lines"])
        yield el(
            "p",
            f"Damage to the log: {files} files cannot be read, and {lines} lines are no records. "
            "What they held is missing from this page.",
        )
    if about["clock_went_back"]:
        yield el(
            "p",
            f"The gateway's clock went back {text.number(about['clock_went_back'])} times in this "
            "period: requests by time are as the clock showed.",
        )
