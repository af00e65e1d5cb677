"""Settings of the account of what clients use: the section ``usage``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gateway.config.section import Section


class UsageSettings(Section):
    """Who has used how much: requests, tokens and seconds by key, model and day."""

    file: Path | None = None
    """SQLite database, on a local disk, that `lengthwise usage` shows. Each gateway needs a file of
    its own. Unset: nothing is counted."""
    days: int = Field(default=400, ge=1, le=36_500)
    """Days that are kept, the days without a request not counted. The oldest one goes first."""
    max_keys: int = Field(default=1000, ge=0, le=100_000)
    """Keys without a name that are counted apart on one day, under pseudonyms; all further ones are
    counted together. The gateway may know no key, and a client may make up as many as it likes."""
