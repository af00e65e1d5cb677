"""Settings of the operators' listener: the section ``admin``."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.config.secrets import fits_header
from gateway.config.section import Section

MOST_PATH_BYTES = 100
"""Bytes of a Unix socket's path that every system takes (Linux 107, macOS 103)."""

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:/\s\[\]]+):(\d{1,5})")


class Admin(Section):
    """Where operators reach the gateway, apart from its clients."""

    listen: str | None = None
    """host:port, or the path of a Unix socket, which its owner alone may use (0600). There are
    /metrics, /ready, /health and the endpoints under /admin, also while the gateway drains. null:
    no such listener."""
    token: SecretStr | None = Field(default=None, min_length=16)
    """What operators send as `Authorization: Bearer TOKEN` for /admin and /metrics. Needed where
    other machines reach `listen`; the Unix socket needs none."""
    metrics_only: bool = False
    """Answer /metrics on this listener alone, no longer where clients come in."""
    dashboard: bool = True
    """Show the live page at /dashboard of this listener, and also where clients come in if that is
    on 127.0.0.1 and asks for no keys, with no `token` and no socket here. There it answers nothing
    that bears a proxy's headers, as X-Forwarded-For; false where your proxy sets none."""

    _token_fits = field_validator("token")(fits_header)

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None or _socket_path(value) is not None:
            if value is not None and len(value.encode()) > MOST_PATH_BYTES:
                raise ValueError(f"a socket's path has at most {MOST_PATH_BYTES} bytes; shorten it")
            return value
        found = _HOST_AND_PORT.fullmatch(value)
        if not found or int(found[2]) > 65535:
            raise ValueError(
                "must be host:port, as in 127.0.0.1:9090, or a path with a slash, as in "
                "/run/lengthwise/admin.sock"
            )
        return value

    @model_validator(mode="after")
    def _is_protected(self) -> Admin:
        if self.metrics_only and self.listen is None:
            raise ValueError(
                "metrics_only is true and listen null, so /metrics would be nowhere: set "
                "admin.listen, as in 127.0.0.1:9090"
            )
        if self.token is None and not self.is_local:
            raise ValueError(
                f"listen is {self.listen}, which other machines reach, and token is not set: set "
                "LENGTHWISE_ADMIN_TOKEN=$(openssl rand -hex 32), or listen on 127.0.0.1 or on a "
                "Unix socket"
            )
        return self

    @property
    def path(self) -> Path | None:
        """The path of the Unix socket; None for another address, or for none."""
        return None if self.listen is None else _socket_path(self.listen)

    @property
    def host_and_port(self) -> tuple[str, int] | None:
        """Host and port, an IPv6 address without brackets; None for a Unix socket, or for none."""
        if self.listen is None or self.path is not None:
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def is_local(self) -> bool:
        """Whether this machine alone reaches the listener, or there is none."""
        address = self.host_and_port
        return address is None or is_loopback(address[0])


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _socket_path(text: str) -> Path | None:
    """The path of a Unix socket; None for a host and a port."""
    return Path(text.removeprefix("unix:")) if "/" in text else None
