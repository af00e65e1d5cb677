"""Hosts and ports that cannot be used are told with the remedy."""

from __future__ import annotations

import socket

import pytest

from gateway.cli import main
from gateway.protocol.listener import ListenError, bound_sockets


def test_a_free_port_is_bound_on_every_address_of_the_name() -> None:
    sockets = bound_sockets("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in sockets}) == 1
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize(
    ("host", "port", "remedy"),
    [
        ("192.0.2.1", 0, "is no address of this machine; give --host"),
        ("no such host", 0, "give --host 127.0.0.1 or 0.0.0.0"),
        ("127.0.0.1", 99999, "from 0 to 65535"),
        ("a" * 70, 0, "give --host"),
    ],
)
def test_what_cannot_be_bound_is_told_with_the_remedy(host: str, port: int, remedy: str) -> None:
    with pytest.raises(ListenError, match=remedy):
        bound_sockets(host, port)


@pytest.mark.parametrize("command", ["serve", "emulate"])
def test_a_port_in_use_ends_the_command_with_1_and_one_line(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([command, "--port", str(port)]) == 1
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"lengthwise: 127.0.0.1:{port} is in use; ")
    assert "another --port" in line
