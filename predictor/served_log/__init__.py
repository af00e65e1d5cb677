"""The served log: one record for each finished request, bounded in size, crash-safe.

Arrow is imported when a log is opened: a gateway without a log does without its 30 MB.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from predictor.served_log.lost import Lost
from predictor.served_log.record import FINISHED_ITSELF, ServedRecord

if TYPE_CHECKING:
    from predictor.served_log.schema import SCHEMA
    from predictor.served_log.segments import LogError, check, read, read_as_written
    from predictor.served_log.writer import ServedLog
else:
    _WITH_ARROW = {
        "SCHEMA": "schema",
        "LogError": "segments",
        "check": "segments",
        "read": "segments",
        "read_as_written": "segments",
        "ServedLog": "writer",
    }

    def __getattr__(name: str) -> object:
        """What needs Arrow, when it is first asked for."""
        if name not in _WITH_ARROW:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_WITH_ARROW[name]}"), name)


__all__ = [
    "FINISHED_ITSELF",
    "SCHEMA",
    "LogError",
    "Lost",
    "ServedLog",
    "ServedRecord",
    "check",
    "read",
    "read_as_written",
]
