"""Routing: the table of paths with the exceptions that the configuration makes."""

from __future__ import annotations

from gateway.config.endpoints import Endpoints
from gateway.config.errors import ConfigError
from gateway.protocol.routes import Routes, Treatment, normal, treatment_of


def configured_routes(settings: Endpoints) -> Routes:
    """The routes by the section ``endpoints``.

    Raises:
        ConfigError: a path has a treatment that its setting cannot change.
    """
    _check("at_once", settings.at_once, Treatment.QUEUED)
    _check("queued", settings.queued, Treatment.UNKNOWN)
    _check("to_every_worker", settings.to_every_worker, Treatment.STEERS)
    return Routes(settings.at_once, settings.to_every_worker, settings.queued)


def _check(setting: str, paths: tuple[str, ...], changeable: Treatment) -> None:
    for path in paths:
        treatment = treatment_of(normal(path))
        if treatment not in {changeable, Treatment.UNKNOWN}:
            raise ConfigError(
                f"endpoints.{setting}: {path} is {treatment.value}, which this setting cannot "
                "change. Remove the path."
            )
