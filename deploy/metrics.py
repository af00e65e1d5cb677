"""Prints METRICS.md: every metric of the gateway, from the code, the dashboards and the alerts.

python deploy/metrics.py > deploy/METRICS.md
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.app import create_app
from gateway.config.settings import Config
from gateway.fronts.whole_metrics import process_families

HERE = Path(__file__).parent
UNITS = (
    ("_timestamp_seconds", "Unix seconds"),
    ("_seconds", "s"),
    ("_bytes", "bytes"),
    ("_tokens", "tokens"),
    ("_token_usage", "tokens"),
    ("_ratio", "1 = 100 %"),
    ("_fds", "files"),
)
"""(end of a name, unit); all other metrics count, or are 0 or 1."""
LABELS = {
    "against": "`fcfs` or `stock`",
    "artefact": "identity of a model of the predictor; one at a time",
    "asked": "a name of the section `models`, or a model",
    "endpoint": "the endpoints that generate text, `other` for the rest",
    "gen_ai_operation_name": "`chat` or `text_completion`",
    "gen_ai_provider_name": "`vllm`",
    "gen_ai_request_model": "as `model`",
    "gen_ai_token_type": "`input` or `output`",
    "interval": "central interval of a forecast, in per cent: 50, 80, 95",
    "key": "name of a key: 20 of their own, `(other)` for the rest",
    "kind": "of a request: `thinking`, `tools`, `json`, `conversation`, `plain`; of tokens: "
    "`prompt`, `output`",
    "length": "five classes of answers by their tokens, and `all`",
    "measure": "five: means and p99",
    "met": "`true` or `false`",
    "model": "model of a worker: 100 of their own (20 of the forecasts' scores), `(other)` for the "
    "rest; `none` for no model",
    "outcome": "`ok`, or the code of the error ([runbook](RUNBOOK.md#error-codes))",
    "process": "of `serve --fronts`: `front-1` and so on, `scheduler`, `parent`",
    "python_version": "one",
    "reason": "one of a few words; of the last refit a sentence, one at a time",
    "refines": "`true` or `false`",
    "result": "one of a few words",
    "state": "of a connection: four; of the shadow: nine",
    "task": "the background tasks",
    "tenant": "a tenant of the configuration: 20 of their own, `other` for the rest",
    "tier": "`refined`, `fast` or `recent`",
    "version": "one",
    "worker": "URL of a worker that is in the fleet now",
}
"""Label -> its values, of which there are so many at most."""


@dataclass(frozen=True, slots=True)
class Described:
    """One metric, as the code describes it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def unit(self) -> str:
        """The unit, by the end of the name."""
        name = self.name.removesuffix("_total")
        return next((unit for end, unit in UNITS if name.endswith(end)), "")


def described() -> list[Described]:
    """Every metric that a gateway can have, by name; parts without their setting have none."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"tenants": {"fair": True}, "usage": {"file": Path(folder) / "usage.sqlite"}}
        settings["shadow"] = {"enabled": "on"}
        app = create_app(Config.model_validate(settings), None)
        try:
            registry = app.state.metrics.registry
            found = [entry for part in list(registry._collector_to_names) for entry in _of(part)]
            found += [entry for family in process_families([]) for entry in _of(family)]
        finally:
            app.state.ledger.close()
    return sorted(found, key=lambda entry: entry.name)


def _of(collector: Any) -> Iterator[Described]:
    """A metric with values of its own knows its labels; families of a collector know theirs."""
    for family in collector.collect() if hasattr(collector, "collect") else [collector]:
        labels = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
        end = "_total" if family.type == "counter" else ""
        yield Described(family.name + end, family.type, tuple(labels), family.documentation)


def uses(metric: Described, expressions: Iterable[tuple[str, str]]) -> list[str]:
    """The names, each once, of those (name, expression) that read the metric."""
    ends = "(_bucket|_sum|_count)?" if metric.kind == "histogram" else ""
    pattern = re.compile(rf"(?<![\w:]){metric.name}{ends}(?![\w:])")
    return list(dict.fromkeys(name for name, text in expressions if pattern.search(text)))


def panels() -> list[tuple[str, str]]:
    """(dashboard: panel, query) of every query."""
    found = []
    for path in sorted((HERE / "grafana" / "dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        title = board["title"].removeprefix("Lengthwise: ")
        for panel in board["panels"]:
            for target in panel.get("targets") or ():
                found.append((f"{title}: {panel['title']}", target["expr"]))
    return found


def rules() -> list[tuple[str, str]]:
    """(alert or recorded series, expression) of every rule."""
    content = yaml.safe_load((HERE / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    every = [rule for group in content["groups"] for rule in group["rules"]]
    return [(rule.get("alert") or rule["record"], rule["expr"]) for rule in every]


def page() -> str:
    """The document."""
    metrics, shown, alerts = described(), panels(), rules()
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` has them all. This file is the output of `python deploy/metrics.py`.",
        "",
        "| metric | type | unit | labels | meaning | panels | rules |",
        "|---|---|---|---|---|---|---|",
    ]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        row = (metric.kind, metric.unit, labels, metric.text.replace("|", "\\|"))
        used = ("; ".join(uses(metric, source)) for source in (shown, alerts))
        lines.append(f"| `{metric.name}` | {' | '.join((*row, *used))} |")
    lines += ["", "## Labels", "", "| label | values |", "|---|---|"]
    names = sorted({label for metric in metrics for label in metric.labels})
    lines += [f"| `{name}` | {LABELS[name]} |" for name in names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
