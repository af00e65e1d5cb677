"""ReportError: why there is no report."""

from __future__ import annotations


class ReportError(ValueError):
    """The log or a flag cannot be used; the message names it and the remedy."""
