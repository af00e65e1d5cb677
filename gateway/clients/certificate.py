"""Certificate: TLS for clients, whose certificate may be replaced while the gateway serves."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from time import monotonic

from gateway.config.errors import ConfigError
from gateway.config.listen import Tls

log = logging.getLogger("lengthwise")

LOOK_S = 5.0
"""Seconds between two looks at the files."""

Version = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of each file: a new certificate often is a new file."""


class Certificate:
    """The certificate and the key of ``listen.tls``.

    Raises:
        ConfigError: the files cannot be read, or do not fit together.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self._certificate, self._key = certificate, key
        self._version = self._found()
        self._context = _context(certificate, key)
        self._looked = monotonic()

    @classmethod
    def of(cls, settings: Tls) -> Certificate | None:
        """The certificate of the settings; None: clients are served without TLS."""
        return None if settings.certificate is None else cls(settings.certificate, settings.key)

    def context(self) -> ssl.SSLContext:
        """What a new connection needs. A new certificate counts once it can be used."""
        now = monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()
        return self._context

    def _look(self) -> None:
        """Take up new files; bad ones are told once, and the old certificate stays."""
        found = self._found()
        if found == self._version:
            return
        self._version = found
        try:
            self._context = _context(self._certificate, self._key)
        except ConfigError as error:
            log.error("%s The certificate of before stays in use.", error)
        else:
            log.info("the certificate %s has been loaded again", self._certificate)

    def _found(self) -> Version:
        files = (self._certificate, self._key)
        return tuple(_version(file) for file in files if file is not None)


def _version(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for field, file in (("certificate", certificate), ("key", key)):
        if file is not None and (why := _unreadable(file)):
            raise ConfigError(f"listen.tls.{field}: {file} {why}. Give a PEM file.")
    try:
        # Without a password of its own, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"listen.tls: {certificate} and {key or 'the key in it'} cannot be "
            f"used ({_reason(error)}). Give PEM files of a certificate and of its own key, without "
            "a password."
        ) from error
    return context


def _unreadable(file: Path) -> str:
    try:
        file.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else str(error)
