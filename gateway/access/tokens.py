"""Tokens: JSON Web Tokens of a directory service, in place of keys. Needs the extra `jwt`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from gateway.access.api_key import digest
from gateway.access.clock import Clock
from gateway.access.directory import Directory, Entry
from gateway.access.key_file import KeyFileError
from gateway.access.refusals import Refused
from gateway.config.access import Jwt
from gateway.config.errors import ConfigError

if TYPE_CHECKING:
    import jwt

log = logging.getLogger("lengthwise")

MOST_CACHED = 10_000
"""Tokens whose signatures need no second check, some 10 MB."""

LONGEST_NAME = 128
"""Characters of the longest name of a holder."""

EARLY_S = 30.0
"""Seconds between two readings of the key set for the sake of a key that it does not have."""

_AGAIN_S = 5.0
"""Seconds until the next attempt after one that failed."""

_MOST_BYTES = 2**20
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def is_token(key: str) -> bool:
    """Whether a credential looks like a token; no key that is made here does."""
    return key.startswith("eyJ") and key.count(".") == 2


class Tokens:
    """Checks tokens by a set of public keys, from a file or a URL that is read anew.

    Raises:
        ConfigError: PyJWT is not installed, or the file cannot be used.
    """

    def __init__(self, settings: Jwt, clock: Clock) -> None:
        try:
            import jwt  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                "access.jwt needs PyJWT: pip install '.[jwt]', or unset access.jwt.jwks."
            ) from None
        assert settings.jwks is not None
        self._jwt = jwt
        self._settings, self._source = settings, settings.jwks
        self._clock = clock
        self._keys: list[jwt.PyJWK] | None = None
        """None: the key set has not been read yet."""
        self._read_at = self._due = clock.steady()
        self._wanted = False
        self._problem = ""
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        if not self._is_url:
            self._use(_content(self._source))
            self._due += settings.refresh_s

    @property
    def ready(self) -> bool:
        """Whether the key set has been read."""
        return self._keys is not None

    @property
    def _is_url(self) -> bool:
        return self._source.startswith(("http://", "https://"))

    def forget(self) -> None:
        """Check every token anew: groups or keys have changed."""
        self._entries.clear()

    def entry(self, token: str, directory: Directory) -> Entry | Refused:
        """Whose a token is, or why it opens nothing; one that was right may have expired since."""
        found = digest(token)
        entry = self._entries.get(found)
        if entry is not None:
            return entry
        try:
            claims = self._claims(token)
        except self._jwt.ExpiredSignatureError:
            return Refused.EXPIRED
        except (self._jwt.PyJWTError, ValueError, TypeError):
            return Refused.INVALID
        name = claims.get(self._settings.name_claim)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            return Refused.INVALID
        holder = directory.holder(name, directory.first_group(self._groups(claims)))
        entry = Entry(holder, float(claims["exp"]) + self._settings.leeway_s)
        self._entries[found] = entry
        if len(self._entries) > MOST_CACHED:
            self._entries.popitem(last=False)
        return entry

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer, audience and times are right."""
        settings, named = self._settings, self._jwt.get_unverified_header(token).get("kid")
        keys = [key for key in self._keys or () if named is None or key.key_id == named]
        if len(keys) != 1:
            self._wanted = True
            raise self._jwt.InvalidTokenError("no such key")
        claims: dict[str, Any] = self._jwt.decode(
            token,
            keys[0].key,
            algorithms=list(settings.algorithms),
            audience=list(settings.audience),
            issuer=settings.issuer,
            leeway=settings.leeway_s,
            options={"require": ["exp", settings.name_claim]},
        )
        return claims

    def _groups(self, claims: dict[str, Any]) -> list[str]:
        given = claims.get(self._settings.group_claim) if self._settings.group_claim else None
        groups = given if isinstance(given, list) else [given]
        return [group for group in groups if isinstance(group, str)]

    async def look(self) -> None:
        """Read the key set if it is due. One that cannot be used is logged and changes nothing."""
        now = self._clock.steady()
        if now < self._due and not (self._wanted and now >= self._read_at + EARLY_S):
            return
        self._read_at, self._due, self._wanted = now, now + self._settings.refresh_s, False
        try:
            if self._is_url:
                self._use(await _fetched(self._source))
            else:
                self._use(await asyncio.to_thread(_content, self._source))
        except (KeyFileError, aiohttp.ClientError, TimeoutError) as error:
            self._due = now + _AGAIN_S
            why = _told(error)
            if why != self._problem:  # once, however long it lasts
                log.warning("access.jwt.jwks: %s. The keys of before stay.", why)
            self._problem = why
        else:
            self._problem = ""

    def _use(self, content: bytes) -> None:
        try:
            entries = json.loads(content)["keys"]
            found = [self._jwt.PyJWK(entry) for entry in entries if entry.get("kty") != "oct"]
        except (ValueError, KeyError, TypeError, AttributeError, self._jwt.PyJWTError) as error:
            raise KeyFileError(
                f"{self._source} (access.jwt.jwks) is no JSON Web Key Set: {type(error).__name__}"
            ) from None
        self.forget()
        self._keys = found


def _told(error: Exception) -> str:
    """What went wrong with a set."""
    return str(error) if isinstance(error, KeyFileError) else type(error).__name__


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"{path} (access.jwt.jwks) cannot be read: {error.strerror}. Check the path."
        ) from None


async def _fetched(url: str) -> bytes:
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise KeyFileError(f"the service answers {response.status}")
        content = await response.content.read(_MOST_BYTES)
        if not response.content.at_eof():
            raise KeyFileError("the key set has more than 1 MiB")
        return content
