"""The names of all metrics that a gateway can have."""

from __future__ import annotations

from pathlib import Path

from gateway.app import create_app
from gateway.config.settings import Config
from gateway.config.shadow import ShadowSettings
from gateway.config.tenants import Tenants
from gateway.config.usage import UsageSettings
from gateway.fronts.whole_metrics import process_families


def metric_names(folder: Path) -> set[str]:
    """Without the ends that Prometheus adds. A part without its setting has no metric."""
    usage = UsageSettings(file=folder / "usage.sqlite")
    shadow = ShadowSettings(enabled="on")
    app = create_app(Config(tenants=Tenants(fair=True), usage=usage, shadow=shadow), None)
    try:
        own = {family.name for family in app.state.metrics.registry.collect()}
        return own | {family.name for family in process_families([])}
    finally:
        app.state.ledger.close()
