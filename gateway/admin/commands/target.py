"""Target: where the admin listener of the gateway is that a command asks, and its token."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pydantic import ValidationError

from gateway.config.admin import Admin
from gateway.config.errors import ConfigError
from gateway.config.load import load_config

VARIABLE = "LENGTHWISE_ADMIN"
TOKEN_VARIABLE = "LENGTHWISE_ADMIN_TOKEN"

MORE_WAYS = f"give --admin URL|SOCKET, set {VARIABLE}, or give the gateway's own --config FILE"


@dataclass(frozen=True, slots=True)
class Target:
    """The address of an admin listener."""

    host: str = ""
    port: int = 0
    tls: bool = False
    path: Path | None = None
    """The Unix socket, in place of host and port."""
    token: str | None = None

    @property
    def shown(self) -> str:
        """The address for people."""
        if self.path is not None:
            return str(self.path)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that say which gateway is asked."""
    parser.add_argument(
        "--admin",
        metavar="URL|SOCKET",
        help=f"address of the gateway's admin listener (default: {VARIABLE}, else by --config)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the gateway's configuration, for its address"
    )


def find_target(args: argparse.Namespace, env: Mapping[str, str]) -> Target:
    """The admin listener by flag, else by variable, else by the configuration.

    Raises:
        ConfigError: none is named, or the name or the configuration cannot be used.
    """
    given = args.admin or (None if args.config else env.get(VARIABLE))
    if given:
        source = "--admin" if args.admin else VARIABLE
        return _target(given, source, env.get(TOKEN_VARIABLE) or None)
    admin = load_config(args.config, env=env).admin
    if admin.listen is None:
        where = f"{args.config} sets no admin.listen" if args.config else "no gateway is named"
        raise ConfigError(f"{where}: {MORE_WAYS}")
    token = None if admin.token is None else admin.token.get_secret_value()
    return _of_address(admin, token=token)


def _target(given: str, source: str, token: str | None) -> Target:
    scheme, found, rest = given.partition("://")
    tls = scheme.lower() == "https"
    if found and not tls and scheme.lower() != "http":
        raise ConfigError(f"{source}: {given} is neither an http URL nor a socket's path")
    address = rest.partition("/")[0] if found else given
    if found and address and not address.rpartition(":")[2].isdecimal():
        address += ":443" if tls else ":80"
    try:  # whoever names an address need not be the one who protects it
        admin = Admin.model_validate({"listen": address, "token": token or "0" * 16})
    except ValidationError as error:
        fault = error.errors()[0]["msg"].partition(", ")[2]
        raise ConfigError(f"{source}: {address} {fault}") from None
    return _of_address(admin, tls=tls, token=token)


def _of_address(admin: Admin, *, tls: bool = False, token: str | None) -> Target:
    if admin.path is not None:
        return Target(path=admin.path, token=token)
    assert admin.host_and_port is not None
    host, port = admin.host_and_port
    return Target(_reachable(host), port, tls, None, token)


def _reachable(host: str) -> str:
    """The host to connect to, where a gateway listens on all addresses."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if address.version == 6 else "127.0.0.1"
