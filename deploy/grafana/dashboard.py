"""Prints the Grafana dashboard, made of the panels in panels/.

   python deploy/grafana/dashboard.py > deploy/grafana/dashboards/lengthwise.json

Grafana reads the JSON file: commit both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from panel import SOURCE
from panels import ROWS

COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "state-timeline": 8}


def dashboard() -> dict[str, Any]:
    """The dashboard, in the format of Grafana 11 and later."""
    return {
        "uid": "lengthwise",
        "title": "Lengthwise",
        "description": "Length-aware gateway for vLLM: throughput, latency, workers, forecasts.",
        "tags": ["lengthwise", "vllm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source_variable(), *_label_variables()]},
        "annotations": {"list": [_alerts()]},
        "panels": list(_panels()),
    }


def _source_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }


def _label_variables() -> Iterator[dict[str, Any]]:
    for name, metric in (("model", "lengthwise_queue_length"), ("worker", "lengthwise_worker_up")):
        query = f"label_values({metric}, {name})"
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": SOURCE,
            "definition": query,
            "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            # Requests that end before their model is known have the model "none".
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Lengthwise.+", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "tagKeys": "severity,worker,model",
    }


def _panels() -> Iterator[dict[str, Any]]:
    """The panels with their places: rows from the top down, panels from left to right."""
    number, y = 1, 0
    for title, panels in ROWS:
        yield _row(number, title, y)
        number, y, x = number + 1, y + 1, 0
        for panel in panels:
            height = HEIGHTS[panel.kind]
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            yield panel.json(number, {"x": x, "y": y, "w": panel.width, "h": height})
            number, x = number + 1, x + panel.width
        y += height


def _row(number: int, title: str, y: int) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "gridPos": place,
        "collapsed": False,
        "panels": [],
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2, ensure_ascii=False)
    print()
