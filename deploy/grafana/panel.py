"""Panel: one panel of a dashboard, built with Grafana's own library for dashboards as code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as queries

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

DASHED = ("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})

TOKENS_PER_S = "si: tok/s"

Thresholds = tuple[tuple[float | None, str], ...]
"""(lower bound, colour), ascending; None stands for minus infinity."""
GREEN: Thresholds = ((None, "green"),)

HEIGHTS = {"stat": 4, "timeseries": 8, "state-timeline": 8, "table": 8}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries (legend -> expression), and how they are drawn.

    ``unit`` is one of Grafana's unit ids. ``limits`` are the ends of the axis; None leaves an end
    to Grafana. ``states`` (value -> word and colour) names the values of a state timeline. A table
    shows the labels of its only query, and its value.
    """

    title: str
    unit: str
    description: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    width: int = 8
    thresholds: Thresholds = GREEN
    limits: tuple[float | None, float | None] = (0, None)
    stacked: bool = False
    show_thresholds: bool = False
    """Whether a time series draws its thresholds as dashed lines."""
    states: Mapping[str, tuple[str, str]] | None = None
    overrides: tuple[tuple[str, str, Any], ...] = ()
    """(regular expression on the legend, property, value)."""

    def builder(self, number: int, place: models.GridPos) -> Any:
        """The builder of the panel with id ``number`` at ``place``."""
        panel: Any = _BUILDERS[self.kind](self)
        low, high = self.limits
        if low is not None:
            panel.min(low)
        if high is not None:
            panel.max(high)
        if self.states:
            panel.mappings([_words(self.states)])
        for legend, name, value in self.overrides:
            panel.override_by_regexp(legend, [models.DynamicConfigValue(name, value)])
        steps = [models.Threshold(value=value, color=colour) for value, colour in self.thresholds]
        panel.thresholds(
            dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
        )
        return (
            panel.id(number)
            .title(self.title)
            .description(self.description)
            .datasource(SOURCE)
            .unit(self.unit)
            .grid_pos(place)
            .targets([*self._targets()])
        )

    def _targets(self) -> list[prometheus.Dataquery]:
        targets = []
        for position, (legend, expression) in enumerate(self.queries.items()):
            query = prometheus.Dataquery().ref_id(chr(ord("A") + position)).datasource(SOURCE)
            query.expr(expression).legend_format(legend)
            if self.kind == "table":
                query.instant().format(queries.PromQueryFormat.TABLE)
            else:
                query.range()
            targets.append(query)
        return targets


def _words(states: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=word, color=colour, index=index)
            for index, (value, (word, colour)) in enumerate(states.items())
        }
    )


def _palette(mode: models.FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


def _legend(*calcs: str) -> common.VizLegendOptions:
    mode = kinds.LegendDisplayMode.TABLE if calcs else kinds.LegendDisplayMode.LIST
    legend = common.VizLegendOptions().display_mode(mode).show_legend(True)
    return legend.placement(kinds.LegendPlacement.BOTTOM).calcs(list(calcs))


def _tooltip(mode: kinds.TooltipDisplayMode, sort: kinds.SortOrder) -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(mode).sort(sort)


def _timeseries(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .color_scheme(_palette(models.FieldColorModeId.PALETTE_CLASSIC))
        .draw_style(kinds.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(25 if panel.stacked else 5)
        .show_points(kinds.VisibilityMode.NEVER)
        .span_nulls(False)
        .legend(_legend("mean", "lastNotNull", "max"))
        .tooltip(_tooltip(kinds.TooltipDisplayMode.MULTI, kinds.SortOrder.DESCENDING))
    )
    if panel.stacked:
        built.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if panel.show_thresholds:
        style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        built.thresholds_style(style)
    return built


def _stat(panel: Panel) -> stat.Panel:
    del panel
    return (
        stat.Panel()
        .color_scheme(_palette(models.FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_mode(kinds.BigValueColorMode.VALUE)
        .graph_mode(kinds.BigValueGraphMode.AREA)
        .text_mode(kinds.BigValueTextMode.VALUE)
    )


def _state_timeline(panel: Panel) -> statetimeline.Panel:
    del panel
    return (
        statetimeline.Panel()
        .color_scheme(_palette(models.FieldColorModeId.THRESHOLDS))
        .fill_opacity(70)
        .line_width(0)
        .row_height(0.8)
        .merge_values(True)
        .legend(_legend())
        .tooltip(_tooltip(kinds.TooltipDisplayMode.SINGLE, kinds.SortOrder.NONE))
    )


def _table(panel: Panel) -> table.Panel:
    del panel
    hidden = {"Time": True, "__name__": True, "job": True, "instance": True}
    transformation = models.DataTransformerConfig(
        id_val="organize", options={"excludeByName": hidden}
    )
    return (
        table.Panel()
        .color_scheme(_palette(models.FieldColorModeId.THRESHOLDS))
        .show_header(True)
        .with_transformation(transformation)
    )


_BUILDERS = {
    "timeseries": _timeseries,
    "stat": _stat,
    "state-timeline": _state_timeline,
    "table": _table,
}
