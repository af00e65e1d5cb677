"""The configuration of Prometheus and the alert rules are valid, and the alerts fire in time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.command_line.commands import COMMANDS
from tests.deploy.alert_scenarios import SCENARIOS, promtool_tests
from tests.deploy.dashboard_file import panels
from tests.deploy.paths import DEPLOY
from tests.deploy.promtool import promtool

PROMETHEUS = DEPLOY / "prometheus"
RULES = PROMETHEUS / "rules.yml"
HOURS = Path(__file__).with_name("rules_test.yml")

RUNBOOK = DEPLOY / "RUNBOOK.md"


@pytest.mark.prometheus
def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    promtool("check", "config", "--lint=all", "--lint-fatal", str(PROMETHEUS / "prometheus.yml"))
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.prometheus
def test_each_alert_fires_when_it_should_and_none_in_an_ordinary_hour(tmp_path: Path) -> None:
    scenarios = tmp_path / "rules_test.yml"
    text = HOURS.read_text(encoding="utf-8")
    scenarios.write_text(text.replace("[RULES]", f"[{RULES}]"), encoding="utf-8")
    promtool("test", "rules", str(scenarios))


@pytest.mark.prometheus
def test_each_alert_fires_by_itself_and_is_silent_just_below(tmp_path: Path) -> None:
    promtool("test", "rules", *(_alone(alert, tmp_path) for alert in _alerts()))


def _alone(alert: dict[str, Any], folder: Path) -> str:
    """A file with the tests of one alert, whose rules are the alert and what it reads: fast."""
    name = alert["alert"]
    rules = [rule for rule in _rules() if rule.get("record", name) in alert["expr"]]
    own = folder / f"{name}.yml"
    own.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [*rules, alert]}]}), "utf-8")
    tests = folder / f"{name}_test.yml"
    content = {
        "rule_files": [str(own)],
        "evaluation_interval": "1m",
        "tests": promtool_tests(name),
    }
    tests.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(tests)


def test_every_alert_has_a_severity_a_summary_and_a_remedy() -> None:
    for alert in _alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert alert["annotations"]["summary"], alert["alert"]
        assert len(alert["annotations"]["description"]) > 60, alert["alert"]


def test_every_alert_has_a_scenario_and_its_link_leads_to_an_entry_of_the_runbook() -> None:
    entries = set(re.findall(r"^### (Lengthwise\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE))
    names = {alert["alert"] for alert in _alerts()}
    assert set(SCENARIOS) == names
    assert entries == names
    for alert in _alerts():
        link = alert["annotations"]["runbook_url"]
        assert link == f"deploy/RUNBOOK.md#{alert['alert'].lower()}"


def test_every_entry_of_the_runbook_says_what_it_means_what_to_look_at_and_what_to_type() -> None:
    entries = re.split(r"^###? ", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)
    for entry in entries:
        if entry.startswith("Lengthwise"):
            for part in ("**Means:**", "**Look at:**", "**Do:**", "```sh"):
                assert part in entry, entry


def test_every_command_of_the_runbook_exists() -> None:
    typed = set(re.findall(r"^lengthwise (\w+)", RUNBOOK.read_text("utf-8"), re.MULTILINE))
    assert {"status", "queue", "drain", "config"} <= typed <= set(COMMANDS)


def test_the_critical_alerts_are_those_that_the_runbook_names() -> None:
    named = RUNBOOK.read_text("utf-8").partition("Critical alerts")[2].partition("All others")[0]
    critical = {a["alert"] for a in _alerts() if a["labels"]["severity"] == "critical"}
    assert set(re.findall(r"Lengthwise\w+", named)) == critical


def test_a_lost_request_is_the_same_on_the_dashboard_and_in_the_objective() -> None:
    shown = next(t["expr"] for p in panels() if p["title"] == "Lost requests" for t in p["targets"])
    every = set(re.findall(r'outcome=~"([^"]*)"', shown))
    lost = min(every, key=len)
    for rule in _rules():
        if rule.get("record", "").startswith("lengthwise:lost_requests"):
            assert set(re.findall(r'outcome=~"([^"]*)"', rule["expr"])) == {lost, f"ok|{lost}"}


def _alerts() -> list[dict[str, Any]]:
    return [rule for rule in _rules() if "alert" in rule]


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]
