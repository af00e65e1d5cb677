"""Reads the dashboard file: its panels, queries and variables."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.deploy.paths import DASHBOARD

RATE_INTERVAL = "3s"
"""Value for Grafana's $__rate_interval, with a scrape every 250 ms."""


def dashboard() -> dict[str, Any]:
    """The whole file."""
    content: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return content


def panels() -> list[dict[str, Any]]:
    """The panels, without the titles of the rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """The queries of all panels, with Grafana's variables filled in."""
    return [_filled(target["expr"]) for panel in panels() for target in panel["targets"]]


def annotation_expressions() -> list[str]:
    """The queries of the annotations."""
    return [_filled(entry["expr"]) for entry in dashboard()["annotations"]["list"]]


def variables() -> list[tuple[str, str, str]]:
    """(name, metric, label) of each variable that lists the values of a metric's label."""
    filled = []
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert match, variable
            filled.append((variable["name"], match[1], match[2]))
    return filled


def _filled(expression: str) -> str:
    filled = expression.replace("$__rate_interval", RATE_INTERVAL)
    for name, _, _ in variables():
        filled = filled.replace(f"${name}", ".*")
    assert "$" not in filled, expression
    return filled
