"""The dashboard files: up to date, on the grid, with a unit and a description for each panel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deploy.dashboard_file import dashboards, files, panels
from tests.deploy.metric_names import metric_names
from tests.deploy.paths import DEPLOY

COLUMNS = 24
GRAFANA = DEPLOY / "grafana"

OF_VLLM = {"vllm:generation_tokens_total"}
METRIC = re.compile(r"\b(?:vllm:|lengthwise_|process_|gen_ai_(?=server|client))\w+")
SUFFIX = re.compile(r"_(bucket|sum|count|total)$")


def test_the_files_are_the_output_of_their_program(tmp_path: Path) -> None:
    program = [sys.executable, str(GRAFANA / "make.py"), str(tmp_path)]
    subprocess.run(program, check=True, timeout=60)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in files()}
    assert made == committed, "run: python deploy/grafana/make.py"


def test_grafanas_own_schema_knows_every_field() -> None:
    for board in dashboards():
        read = Dashboard.from_json(board)
        assert json.loads(json.dumps(read, cls=JSONEncoder)) == board, board["uid"]


def test_the_dashboards_have_links_to_each_other_and_names_of_their_own() -> None:
    boards = dashboards()
    assert len(boards) == 5
    for board in boards:
        (link,) = board["links"]
        assert (link["type"], link["includeVars"], link["keepTime"]) == ("dashboards", True, True)
        assert set(link["tags"]) <= set(board["tags"])
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles), board["uid"]


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board["uid"])
def test_no_two_panels_overlap_and_none_leaves_the_grid(board: dict[str, Any]) -> None:
    cells_of: dict[int, set[tuple[int, int]]] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        cells_of[panel["id"]] = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
    assert len(cells_of) == len(board["panels"]), "two panels have one id"
    for (first, cells), (second, others) in combinations(cells_of.items(), 2):
        assert cells.isdisjoint(others), f"panels {first} and {second} overlap"


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board["uid"])
def test_every_row_of_panels_fills_the_width(board: dict[str, Any]) -> None:
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {COLUMNS}


def test_every_description_names_a_metric_and_every_query_has_the_data_source() -> None:
    for panel in panels():
        shown = {name for target in panel["targets"] for name in _metrics(target["expr"])}
        named = _metrics(panel["description"])
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
            assert set(re.findall(r"\[(.*?)\]", target["expr"])) <= {"$__rate_interval", "5m"}


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
    return set(
        re.findall(r"\b(?:vllm:|lengthwise_|process_|gen_ai_(?=server|client))\w+", expression)
    )


def _yaml(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))
