"""The private Unix socket: what is told where it cannot be made."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.protocol.listener import ListenError
from gateway.protocol.private_socket import private_socket
from gateway.remote_scheduler.lease import leased_socket, take_lease


@pytest.mark.parametrize("bound", [private_socket, leased_socket])
def test_a_path_that_is_too_long_is_told(bound: type, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="path too long; give another path, of at most 100 bytes"):
        bound(tmp_path / ("x" * 120))


@pytest.mark.parametrize("name", ["a\0b", "f/s", "gone/s"])
def test_no_length_is_told_where_another_thing_is_at_fault(name: str, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(ListenError, match="another path") as refused:
        private_socket(tmp_path / name)
    assert "100 bytes" not in str(refused.value)


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ListenError, match="too long; give another path"):
        take_lease(tmp_path / ("x" * 300))


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with private_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
