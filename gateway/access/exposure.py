"""Exposure: a warning where everybody on a network may use the gateway."""

from __future__ import annotations

import ipaddress
import logging

log = logging.getLogger("lengthwise")


def warn_of_exposure(host: str, *, needs_keys: bool) -> None:
    """Warn in one line if ``host`` is reached from other machines and nobody needs a key."""
    if not needs_keys and not _is_loopback(host):
        log.warning(
            "listen.host is %s and no key is needed: whoever reaches this port is served. Set "
            "access.keys_file to the file that `lengthwise keys add NAME` makes, or listen on "
            "127.0.0.1 behind a proxy that checks its clients.",
            host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
