"""Outcomes of all requests by the access log, also of those without an answer."""

from __future__ import annotations

import json
import math
from collections import Counter
from math import isfinite
from pathlib import Path
from typing import Any

from gateway.report.errors import ReportError
from gateway.report.served import LONGEST_NAME

_LONGEST_LINE = 1 << 20


def outcomes(path: Path, begin: float, end: float) -> dict[str, Any]:
    """Requests received in a period by their outcome, and lines that are no records.

    ``first`` and ``last``: when the first and the last of them were received; None of none.

    Raises:
        ReportError: the file cannot be read, or none of its lines is a record.
    """
    counts: Counter[str] = Counter()
    bad = lines = 0
    first, last = math.inf, -math.inf
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(_LONGEST_LINE):
                lines += 1
                found = _outcome(line)
                if found is None:
                    bad += 1
                elif begin <= found[0] <= end:
                    counts[found[1]] += 1
                    first, last = min(first, found[0]), max(last, found[0])
    except OSError as error:
        raise ReportError(f"--access-log {path}: {error.strerror}; give another file") from None
    if lines and bad == lines:
        raise ReportError(
            f"--access-log {path}: no line is a record; the gateway writes them with log.access: "
            "json"
        )
    rows = [{"name": name, "requests": number} for name, number in counts.most_common()]
    received = {"first": first, "last": last} if counts else {"first": None, "last": None}
    return {"requests": counts.total(), "outcomes": rows, "bad_lines": bad, **received}


def _outcome(line: str) -> tuple[float, str] | None:
    """When a request was received and how it ended; None for a line that is no record."""
    try:
        record = json.loads(line)
        received = float(record["received"])
        return (received, str(record["outcome"])[:LONGEST_NAME]) if isfinite(received) else None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
