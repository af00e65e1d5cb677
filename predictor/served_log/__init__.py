"""The served log: one record for each finished request, bounded in size, crash-safe."""

from predictor.served_log.record import FINISHED_ITSELF, SCHEMA, ServedRecord
from predictor.served_log.segments import LogError, check, read
from predictor.served_log.writer import ServedLog

__all__ = ["FINISHED_ITSELF", "SCHEMA", "LogError", "ServedLog", "ServedRecord", "check", "read"]
