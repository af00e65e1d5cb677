"""Reads the dashboard: its panels and the queries in it."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.deploy.paths import DASHBOARD

RATE_INTERVAL = "3s"
"""What Grafana's $__rate_interval becomes; with a scrape every 250 ms."""


def dashboard() -> dict[str, Any]:
    """The whole file."""
    content: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return content


def panels() -> list[dict[str, Any]]:
    """Everything that is not the title of a row."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """The queries of all panels, with Grafana's variables filled in."""
    return [_filled(target["expr"]) for panel in panels() for target in panel["targets"]]


def alert_marks() -> list[str]:
    """The queries of the marks on the time axis."""
    return [_filled(entry["expr"]) for entry in dashboard()["annotations"]["list"]]


def variables() -> list[tuple[str, str, str]]:
    """(name, metric, label) of the variables that are filled from a metric's labels."""
    found = []
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert match, variable
            found.append((variable["name"], match[1], match[2]))
    return found


def _filled(expression: str) -> str:
    filled = expression.replace("$__rate_interval", RATE_INTERVAL)
    for name, _, _ in variables():
        filled = filled.replace(f"${name}", ".*")
    assert "$" not in filled, expression
    return filled
