"""The configuration of Prometheus and the alert rules are valid, and the alerts fire in time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.deploy.paths import DEPLOY
from tests.deploy.promtool import promtool

PROMETHEUS = DEPLOY / "prometheus"
RULES = PROMETHEUS / "rules.yml"
SCENARIOS = Path(__file__).with_name("rules_test.yml")

README = DEPLOY / "README.md"


@pytest.mark.prometheus
def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    promtool("check", "config", "--lint=all", "--lint-fatal", str(PROMETHEUS / "prometheus.yml"))
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.prometheus
def test_each_alert_fires_when_it_should_and_none_in_an_ordinary_hour(tmp_path: Path) -> None:
    scenarios = tmp_path / "rules_test.yml"
    text = SCENARIOS.read_text(encoding="utf-8")
    scenarios.write_text(text.replace("[RULES]", f"[{RULES}]"), encoding="utf-8")
    promtool("test", "rules", str(scenarios))


def test_every_alert_has_a_severity_a_summary_and_a_remedy() -> None:
    for alert in _alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert alert["annotations"]["summary"], alert["alert"]
        assert len(alert["annotations"]["description"]) > 60, alert["alert"]


def test_every_alert_has_a_scenario_and_an_entry_in_the_runbook() -> None:
    names = {alert["alert"] for alert in _alerts()}
    tried = set(re.findall(r"Lengthwise[A-Z]\w+", SCENARIOS.read_text(encoding="utf-8")))
    explained = set(re.findall(r"Lengthwise[A-Z]\w+", README.read_text(encoding="utf-8")))
    assert tried == names
    assert explained == names


def _alerts() -> list[dict[str, dict[str, str]]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]
