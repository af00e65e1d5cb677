"""Opens the traces of a gateway. OpenTelemetry is imported only where they are on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gateway.config.errors import ConfigError
from gateway.config.traces import TraceSettings

if TYPE_CHECKING:
    from gateway.tracing.traces import Traces


SWITCH = "OTEL_SDK_DISABLED"
"""Variable that switches OpenTelemetry off, by its specification."""


def open_traces(settings: TraceSettings) -> Traces | None:
    """The traces of a gateway; None where they are off, by ``settings`` or by ``SWITCH``.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    if settings.endpoint is None or os.environ.get(SWITCH, "").strip().lower() == "true":
        return None
    try:
        from gateway.tracing.traces import exporting  # noqa: PLC0415 - an extra, half a second
    except ImportError as error:
        raise ConfigError(
            f"traces.endpoint is {settings.endpoint}, and {error.name} is not installed. Run: "
            "pip install '.[traces]'"
        ) from error
    return exporting(settings, settings.endpoint)
