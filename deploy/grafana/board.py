"""Board: one dashboard, made of rows of panels, its variables and its links to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models
from panel import HEIGHTS, SOURCE, Panel

COLUMNS = 24
TAG = "lengthwise"

VARIABLES = {
    "instance": 'up{job="lengthwise"}',
    "model": "lengthwise_queue_length",
    "worker": "lengthwise_worker_up",
    "outcome": "lengthwise_requests_total",
    "endpoint": "lengthwise_requests_total",
    "kind": "lengthwise_forecast_scored_total",
}
"""Name of a variable, which is a label, and the metric whose values of the label it offers."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; ``uid`` is also the name of its file."""

    uid: str
    title: str
    description: str
    variables: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    """(title, panels) of each row, from the top down."""

    def build(self) -> models.Dashboard:
        """The dashboard, for Grafana 11 and later."""
        board = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG, "vllm"])
            .editable()
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .refresh("10s")
            .time("now-30m", "now")
            .timezone("browser")
            .annotations([_alerts()])
            .link(_links())
            .with_variable(_source())
        )
        for name in self.variables:
            board.with_variable(_variable(name))
        built = board.build()
        built.panels = list(self._panels())
        return built

    def _panels(self) -> Iterator[models.Panel | models.RowPanel]:
        """The panels with their places: rows from the top down, panels from left to right."""
        number, y = 1, 0
        for title, panels in self.rows:
            place = models.GridPos(h=1, w=COLUMNS, x=0, y=y)
            yield models.RowPanel(id_val=number, title=title, grid_pos=place)
            number, y = number + 1, y + 1
            for line in _lines(panels):
                height = max(HEIGHTS[panel.kind] for panel, _ in line)
                x = 0
                for panel, width in line:
                    place = models.GridPos(h=height, w=width, x=x, y=y)
                    yield panel.builder(number, place).build()
                    number, x = number + 1, x + width
                y += height


def _lines(panels: tuple[Panel, ...]) -> Iterator[list[tuple[Panel, int]]]:
    """The panels of each line with their widths, widened so that they fill the line."""
    left = list(panels)
    while left:
        line: list[Panel] = []
        while left and sum(panel.width for panel in line) + left[0].width <= COLUMNS:
            line.append(left.pop(0))
        more, rest = divmod(COLUMNS - sum(panel.width for panel in line), len(line))
        yield [(panel, panel.width + more + (at < rest)) for at, panel in enumerate(line)]


def _links() -> dashboard.DashboardLink:
    """Buttons to the other dashboards, which keep time and variables."""
    link = dashboard.DashboardLink("Lengthwise").type(models.DashboardLinkType.DASHBOARDS)
    return link.tags([TAG]).include_vars(True).keep_time(True).icon("external link")


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _variable(name: str) -> dashboard.QueryVariable:
    query = f"label_values({VARIABLES[name]}, {name})"
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        # Requests that end before their model is known have the model "none".
        .all_value(".*")
        .current(models.VariableOption(text=["All"], value=["$__all"]))
    )


def _alerts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("red")
        .expr('ALERTS{alertname=~"Lengthwise.+", alertstate="firing"}')
    )
