"""Panel: one panel of the dashboard, and its JSON for Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

DASHED = ("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})
STACKED = {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 25}

TOKENS_PER_S = "si: tok/s"

Thresholds = tuple[tuple[float | None, str], ...]
"""(lower bound, colour), ascending; None stands for minus infinity."""
GREEN: Thresholds = ((None, "green"),)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries (legend -> expression), and how they are drawn.

    ``unit`` is one of Grafana's unit ids. ``limits`` are the ends of the axis; None leaves an end
    to Grafana.
    """

    title: str
    unit: str
    description: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    width: int = 8
    thresholds: Thresholds = GREEN
    limits: tuple[float | None, float | None] = (0, None)
    custom: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[tuple[str, str, Any], ...] = ()
    """(regular expression on the legend, property, value)."""

    def json(self, number: int, place: Mapping[str, int]) -> dict[str, Any]:
        """The panel with id ``number`` at ``place`` of the grid (x, y, w, h)."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": dict(place),
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": _OPTIONS[self.kind],
            "targets": [
                {
                    "refId": chr(ord("A") + position),
                    "datasource": SOURCE,
                    "editorMode": "code",
                    "expr": expression,
                    "legendFormat": legend,
                    "range": True,
                }
                for position, (legend, expression) in enumerate(self.queries.items())
            ],
        }

    def _defaults(self) -> dict[str, Any]:
        low, high = self.limits
        steps = [{"value": value, "color": colour} for value, colour in self.thresholds]
        return {
            "unit": self.unit,
            **({"min": low} if low is not None else {}),
            **({"max": high} if high is not None else {}),
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": [_WORKER_STATES] if self.kind == "state-timeline" else [],
            "custom": {**_CUSTOM.get(self.kind, {}), **self.custom},
        }

    def _overrides(self) -> list[dict[str, Any]]:
        return [
            {
                "matcher": {"id": "byRegexp", "options": legend},
                "properties": [{"id": name, "value": value}],
            }
            for legend, name, value in self.overrides
        ]


_WORKER_STATES = {
    "type": "value",
    "options": {
        "0": {"text": "down", "color": "red", "index": 0},
        "1": {"text": "draining", "color": "orange", "index": 1},
        "2": {"text": "cooling down", "color": "yellow", "index": 2},
        "3": {"text": "up", "color": "green", "index": 3},
    },
}
"""Words for the values of the panel Worker state, whose query is 0 for a worker that is down."""
_CUSTOM: dict[str, dict[str, Any]] = {
    "timeseries": {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 5,
        "showPoints": "never",
        "spanNulls": False,
    },
    "state-timeline": {"fillOpacity": 70, "lineWidth": 0},
}
_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {**_LEGEND, "displayMode": "table", "calcs": ["mean", "lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
    },
    "state-timeline": {
        "legend": _LEGEND,
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    },
}
