"""Reads docker-compose.yml: its services and the files that they mount."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.deploy.paths import ROOT

COMPOSE = ROOT / "docker-compose.yml"
TEXT = COMPOSE.read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def services(env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The services, with ``${NAME:-default}`` filled in as compose fills it in."""
    filled = VARIABLE.sub(lambda match: (env or {}).get(match[1]) or match[2], TEXT)
    found: dict[str, Any] = yaml.safe_load(filled)["services"]
    return found


def mounts(service: Mapping[str, Any]) -> dict[str, str]:
    """Path in the container -> path in the repository; named volumes are left out."""
    pairs = (mount.split(":")[:2] for mount in service.get("volumes", ()))
    return {inside: outside for outside, inside in pairs if outside.startswith("./")}
