"""FormatError: a format that the emulated model cannot produce."""

from __future__ import annotations


class FormatError(ValueError):
    """Says what in the format cannot be followed."""
