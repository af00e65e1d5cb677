"""The section ``admin``: what is refused before anything listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.admin import Admin
from gateway.config.errors import ConfigError
from gateway.config.load import load_config

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:9090", ("127.0.0.1", 9090)),
        ("[::1]:9090", ("::1", 9090)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_a_loopback_address_needs_no_token(listen: str, expected: tuple[str, int]) -> None:
    assert Admin(listen=listen).host_and_port == expected


@pytest.mark.parametrize("listen", ["/run/l/admin.sock", "unix:/run/l/admin.sock", "./a.sock"])
def test_a_path_is_a_unix_socket(listen: str) -> None:
    admin = Admin(listen=listen)
    assert admin.path == Path(listen.removeprefix("unix:"))
    assert admin.host_and_port is None


@pytest.mark.parametrize("listen", ["0.0.0.0:9090", "[::]:9090", "gpu-1:9090", "10.0.0.1:1"])
def test_what_other_machines_reach_needs_a_token(listen: str) -> None:
    with pytest.raises(ValueError, match="LENGTHWISE_ADMIN_TOKEN"):
        Admin(listen=listen)
    Admin.model_validate({"listen": listen, "token": TOKEN})


@pytest.mark.parametrize(
    "listen", ["9090", "127.0.0.1", "127.0.0.1:99999", "::1:90", "a b:1", "/" + 200 * "x"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|bytes"):
        Admin(listen=listen)


def test_metrics_on_a_listener_that_is_off_are_refused() -> None:
    with pytest.raises(ValueError, match=r"admin\.listen"):
        Admin(metrics_only=True)


def test_a_token_that_is_refused_is_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, env={"LENGTHWISE_ADMIN_TOKEN": "short-secret"})
    assert "admin.token" in str(refused.value)
    assert "short-secret" not in str(refused.value)


def test_the_variable_of_the_commands_is_no_setting() -> None:
    assert load_config(None, env={"LENGTHWISE_ADMIN": "http://gpu-1:9090"}).admin == Admin()
