"""Settings of cross-origin requests: the section ``cors``."""

from __future__ import annotations

import re

from pydantic import field_validator, model_validator

from gateway.config.section import Section

_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s*?#@]+")


class CorsSettings(Section):
    """Which web pages may read the answers in a browser."""

    origins: tuple[str, ...] | None = None
    """Origins such as https://chat.example.org, or "*" for every one. The gateway then answers for
    the workers too, and their own CORS headers are dropped. Unset: each worker decides for its
    answers; every page may read the gateway's own errors, the list of models and /health."""
    credentials: bool = False
    """Let the pages of these origins send cookies and HTTP authentication. Needs origins without
    "*"."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for origin in value or ():
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin: write scheme, host and port as browsers do, such as "
                    'https://chat.example.org or http://localhost:3000, or "*"'
                )
        return value

    @model_validator(mode="after")
    def _names_who_has_credentials(self) -> CorsSettings:
        if self.credentials and (not self.origins or "*" in self.origins):
            raise ValueError("credentials is true: name the origins, without *")
        return self
