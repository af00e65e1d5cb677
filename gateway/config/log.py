"""Settings of the log: the section ``log``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section


class LogSettings(Section):
    """What the gateway tells of itself and of each request."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the entries of the log, but for access records."""
    access: Literal["off", "human", "json"] = "off"
    """One record for each request when it ends, as a line for people or as JSON, without any text
    of prompts and answers. off: none, as in Envoy and Caddy; the metrics count every request."""
    access_file: Path | None = None
    """File to which access records are appended; it is opened again when it has been renamed or
    removed (logrotate). null: they go to stderr with the rest of the log."""
    repeats_per_min: int = Field(default=60, ge=0, le=100_000)
    """Entries of one kind (one place in the code) in a minute; further ones are counted, not
    logged. Access records are not bounded. 0: no bound."""
    debug_headers: Literal["never", "asked", "always"] = "asked"
    """Whether answers of generated text have headers with the queue time, the worker's URL and the
    forecast. asked: where the request has `x-lengthwise-debug: 1`. But for never, a stream that
    waits tells its place in the queue where its request has `x-lengthwise-position: 1`."""

    @field_validator("access", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        return "off" if value is False else value  # YAML reads a bare off as false

    @model_validator(mode="after")
    def _file_is_used(self) -> LogSettings:
        if self.access_file is not None and self.access == "off":
            raise ValueError(
                f"access_file is {self.access_file} and access off: set log.access to human or "
                "json, or remove access_file"
            )
        return self
