"""The private Unix socket: what is told where it cannot be made."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.protocol.listener import ListenError
from gateway.protocol.private_socket import private_socket
from gateway.remote_scheduler.lease import leased_socket


@pytest.mark.parametrize("bound", [private_socket, leased_socket])
def test_a_path_that_is_too_long_is_told(bound: type, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="path too long; give another path"):
        bound(tmp_path / ("x" * 120))


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with private_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
