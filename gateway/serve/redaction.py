"""Redaction: no key, cookie or password in the log, whatever a library puts into its errors."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, HttpUrl, SecretStr

from gateway.config.secret_text import HIDDEN, without_secrets
from gateway.requests.access_log import AccessLine

SHORTEST = 6
"""Characters of the shortest secret of the configuration that is looked for by itself: a shorter
one would be found within words."""


class Redacting(logging.Formatter):
    """Formats entries, traces included, and hides what looks like a secret or is one."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these texts too, from now on."""
        long = {secret for secret in secrets if len(secret) >= SHORTEST}
        self._secrets = tuple(sorted({*self._secrets, *long}, key=len, reverse=True))

    def format(self, record: logging.LogRecord) -> str:
        """The entry without secrets."""
        if isinstance(record.msg, AccessLine):
            return record.msg.text(self.clean)
        return self.clean(super().format(record))

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)


def secrets_of(settings: object) -> Iterator[str]:
    """Every key and every password of a URL in a configuration."""
    match settings:
        case SecretStr():
            yield settings.get_secret_value()
        case HttpUrl():
            yield settings.password or ""
        case BaseModel():
            for name in type(settings).model_fields:
                yield from secrets_of(getattr(settings, name))
        case dict():
            yield from secrets_of(list(settings.values()))
        case list() | tuple():
            for one in settings:
                yield from secrets_of(one)
