"""The section on the traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.report.page import text
from gateway.report.page.charts import columns
from gateway.report.page.html import Html, el, name, table

_COUNTED = ("requests", "share", "prompt tokens", "output tokens")

_ENDS = {
    "stop": "ended by itself",
    "length": "cut at its token limit",
    "tool_calls": "ended with a tool call",
    "function_call": "ended with a tool call",
    "content_filter": "ended by a filter",
    "aborted": "broken off: hang-up, error, time limit",
    "": "unknown",
}

_TABLES = (
    ("models", "Models", "model"),
    ("tenants", "Keys", "key"),
    ("endpoints", "Endpoints", "endpoint"),
    ("workers", "Workers", "worker"),
)


def section(facts: Mapping[str, Any]) -> tuple[str, list[Html]]:
    """Conclusion and content."""
    traffic = facts["traffic"]
    return conclusion(traffic), [*_by_time(traffic), *_tables(traffic), *_outcomes(facts)]


def conclusion(traffic: Mapping[str, Any]) -> str:
    """How much came, when most, and what share got no whole answer."""
    span, requests = traffic["end"] - traffic["begin"], traffic["requests"]
    bars = traffic["bars"]
    most = max(bars["requests"])
    at = text.clock(bars["begin"] + bars["width_s"] * bars["requests"].index(most), bars["width_s"])
    broken = 1 - traffic["whole"] / requests
    share = f"{text.share(broken, 1)} of the answers" if broken else "no answer"
    return (
        f"{text.number(requests)} requests with {text.number(traffic['output_tokens'])} output "
        f"tokens came in {text.seconds(span)}; the busiest {text.width(bars['width_s'])}, from "
        f"{at}, had {text.number(most)}, and {share} broke off."
    )


def _by_time(traffic: Mapping[str, Any]) -> Iterator[Html]:
    bars = traffic["bars"]
    what, width = text.width(bars["width_s"]), bars["width_s"]
    labels = [text.clock(bars["begin"] + at * width, width) for at in range(len(bars["requests"]))]
    title = f"Requests by {what} (UTC)"
    yield el("h3", title)
    about = f"{title}; the table below has the numbers"
    yield columns(bars["requests"], labels, about)
    rows = zip(labels, bars["requests"], bars["output_tokens"], strict=True)
    cells = ([label, text.number(n), text.number(tokens)] for label, n, tokens in rows)
    found = table(
        f"Requests and tokens by {what} (UTC)", ("begin", "requests", "output tokens"), cells
    )
    yield el("details", el("summary", "The same as a table"), found)


def _tables(traffic: Mapping[str, Any]) -> Iterator[Html]:
    lengths = _table("Lengths, in output tokens", "tokens", traffic["lengths"])
    yield el("div", _kinds(traffic["kinds"]), lengths, class_="tables")
    yield el(
        "div",
        (_table(title, what, traffic[part]) for part, title, what in _TABLES),
        class_="tables",
    )


def _table(title: str, what: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    cells = ([name(row["name"]), *_counts(row)] for row in rows)
    return table(title, (what, *_COUNTED), cells)


def _kinds(kinds: Sequence[Mapping[str, Any]]) -> Html:
    """Kinds overlap; of some, older versions of the gateway wrote nothing."""
    caption = "Kinds of requests; one request can be of several"
    rows = (
        [
            el("span", row["name"], _unknown(row["unknown"])),
            *(_counts(row)),
        ]
        for row in kinds
    )
    return table(caption, ("kind", *_COUNTED), rows)


def _unknown(count: int) -> Html:
    return el("small", f"not recorded of {text.number(count)}") if count else Html("")


def _counts(row: Mapping[str, Any]) -> list[str]:
    whole = [text.number(row[part]) for part in ("requests", "prompt_tokens", "output_tokens")]
    return [whole[0], text.share(row["share"], 1), *whole[1:]]


def _outcomes(facts: Mapping[str, Any]) -> Iterator[Html]:
    rows = (
        [name(row["name"]), _meaning(row["name"]), *_counts(row)]
        for row in facts["traffic"]["outcomes"]
    )
    caption = "How answers ended, by the finish reason"
    yield table(caption, ("reason", "meaning", *_COUNTED), rows, texts=(1,))
    if "outcomes" not in facts:
        yield el(
            "p",
            "Requests without a single token, such as those refused with 429 or 503, are not in a "
            "served log. Give ",
            el("code", "--access-log"),
            " to count them by reason.",
            class_="note",
        )
        return
    access = facts["outcomes"]
    cells = (
        [name(row["name"]), text.number(row["requests"]), _part(row, access["requests"])]
        for row in access["outcomes"]
    )
    caption = f"All requests of the access log in this period{_received(access)}, by outcome"
    yield table(caption, ("outcome", "requests", "share"), cells)
    if access["bad_lines"]:
        lines = text.number(access["bad_lines"])
        yield el("p", f"{lines} lines of the access log are no records.", class_="note")


def _received(access: Mapping[str, Any]) -> str:
    """When they were received: refusals can come before and after all that was served."""
    if access["first"] is None:
        return ""
    return f" (received {text.moment(access['first'])} to {text.moment(access['last'])})"


def _meaning(reason: str) -> str:
    return _ENDS.get(reason, "several answers, or a server's own word")


def _part(row: Mapping[str, Any], total: int) -> str:
    return text.share(row["requests"] / max(1, total), 1)
