"""The dashboard file: up to date, on the grid, with a unit and a description for each panel."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.dashboard_file import dashboard, panels
from tests.deploy.metric_names import metric_names
from tests.deploy.paths import DASHBOARD, DEPLOY

COLUMNS = 24
GRAFANA = DEPLOY / "grafana"

OF_VLLM = {"vllm:generation_tokens_total"}
SUFFIX = re.compile(r"_(bucket|sum|count|total)$")


def test_the_file_is_the_output_of_its_program() -> None:
    printed = subprocess.run(
        [sys.executable, str(GRAFANA / "dashboard.py")], capture_output=True, check=True, timeout=60
    )
    assert printed.stdout.decode() == DASHBOARD.read_text(encoding="utf-8"), (
        "run: python deploy/grafana/dashboard.py > deploy/grafana/dashboards/lengthwise.json"
    )


def test_no_two_panels_overlap_and_none_leaves_the_grid() -> None:
    cells_of: dict[int, set[tuple[int, int]]] = {}
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        cells_of[panel["id"]] = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
    assert len(cells_of) == len(dashboard()["panels"]), "two panels have one id"
    for (first, cells), (second, others) in combinations(cells_of.items(), 2):
        assert cells.isdisjoint(others), f"panels {first} and {second} overlap"


def test_every_row_of_panels_fills_the_width() -> None:
    widths: dict[int, int] = {}
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {COLUMNS}


def test_every_description_names_a_metric_and_every_query_has_the_data_source() -> None:
    for panel in panels():
        shown = {name for target in panel["targets"] for name in _metrics(target["expr"])}
        named = set(re.findall(r"(?:vllm:|lengthwise_)\w+", panel["description"]))
        assert named & {SUFFIX.sub("", name) for name in shown} | named & shown, panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_panel_has_a_unit_and_every_query_a_legend() -> None:
    for panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all(legends), panel["title"]
        assert len(set(legends)) == len(legends), panel["title"]


def test_every_state_of_a_timeline_has_a_word_in_the_colour_of_its_threshold() -> None:
    timelines = [panel for panel in panels() if panel["type"] == "state-timeline"]
    assert timelines
    for panel in timelines:
        defaults = panel["fieldConfig"]["defaults"]
        words = defaults["mappings"][0]["options"]
        steps = defaults["thresholds"]["steps"]
        colours = {str(step["value"] or 0): step["color"] for step in steps}
        assert {state: word["color"] for state, word in words.items()} == colours, panel["title"]


def test_every_rate_is_over_grafanas_interval() -> None:
    for panel in panels():
        for target in panel["targets"]:
            assert set(re.findall(r"\[(.*?)\]", target["expr"])) <= {"$__rate_interval"}


def test_the_queries_use_every_metric_of_the_gateway_and_no_other(tmp_path: Path) -> None:
    shown = {
        SUFFIX.sub("", name)
        for panel in panels()
        for target in panel["targets"]
        for name in _metrics(target["expr"]) - OF_VLLM
    }
    assert shown == metric_names(tmp_path)


def test_grafana_has_the_scrape_interval_and_the_path_of_the_dashboards() -> None:
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    scrape = _yaml("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape
    (provider,) = _yaml("grafana/provisioning/dashboards/lengthwise.yml")["providers"]
    mounts = _yaml("../docker-compose.yml")["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def _metrics(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:vllm:|lengthwise_)\w+", expression))


def _yaml(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))
