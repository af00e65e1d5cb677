"""Reads the dashboard files: their panels, queries and variables."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.deploy.paths import DASHBOARDS

RATE_INTERVAL = "3s"
"""Value for Grafana's $__rate_interval, with a scrape every 250 ms."""

LAGS = {"[5m]": "[3s]", "offset 5m": "offset 1s"}
"""Spans of minutes in the queries -> spans that a test can wait for."""

VARIABLE = re.compile(r"label_values\((\w+(?:\{[^}]*\})?), (\w+)\)")


def dashboards() -> list[dict[str, Any]]:
    """The whole files."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(files())]


def files() -> list[Any]:
    """The paths of the dashboards."""
    return list(DASHBOARDS.glob("*.json"))


def panels() -> list[dict[str, Any]]:
    """The panels of all dashboards, without the titles of the rows."""
    every = [panel for board in dashboards() for panel in board["panels"]]
    return [panel for panel in every if panel["type"] != "row"]


def expressions() -> list[str]:
    """The queries of all panels, with Grafana's variables filled in."""
    return [_filled(target["expr"]) for panel in panels() for target in panel["targets"]]


def annotation_expressions() -> list[str]:
    """The queries of the annotations."""
    return [_filled(entry["expr"]) for b in dashboards() for entry in b["annotations"]["list"]]


def variables() -> set[tuple[str, str, str]]:
    """(name, metric, label) of each variable that lists the values of a metric's label."""
    filled = set()
    for board in dashboards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                match = VARIABLE.fullmatch(variable["query"]["query"])
                assert match, variable
                filled.add((variable["name"], match[1], match[2]))
    return filled


def _filled(expression: str) -> str:
    filled = expression.replace("$__rate_interval", RATE_INTERVAL)
    for long, short in LAGS.items():
        filled = filled.replace(long, short)
    for name, _, _ in variables():
        filled = filled.replace(f"${name}", ".*")
    assert "$" not in filled, expression
    return filled
