"""Metrics of the process, under the names of all Prometheus clients, and of its build."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector


def own_version() -> str:
    """The version of the gateway; "unknown" where it runs without an installation."""
    try:
        return version("lengthwise")
    except PackageNotFoundError:
        return "unknown"


def add_process_metrics(registry: CollectorRegistry) -> None:
    """Register ``process_*`` (on Linux) and ``lengthwise_build_info``."""
    ProcessCollector(registry=registry)
    build = Gauge(
        "lengthwise_build_info",
        "1; the labels are the version of the gateway and of Python",
        ("version", "python_version"),
        registry=registry,
    )
    build.labels(own_version(), platform.python_version()).set(1)
