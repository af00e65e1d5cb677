"""Files: a lock excludes other processes, and a write takes effect whole or not at all."""

import multiprocessing
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from predictor.files import (
    LockedError,
    acquire,
    atomic_write,
    check_file,
    check_folder,
    exclusive,
    release,
    rename,
    write_atomically,
)


def test_a_second_lock_is_refused_and_names_the_process_that_holds_the_first(
    tmp_path: Path,
) -> None:
    with (
        exclusive(tmp_path / "new" / "lock"),
        pytest.raises(LockedError, match=f"lock is locked by process {os.getpid()}"),
    ):
        acquire(tmp_path / "new" / "lock")


def test_a_released_lock_can_be_taken_again_and_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    release(acquire(path))
    assert path.read_bytes() == b""
    with exclusive(path):
        assert path.read_text() == f"{os.getpid()}\n"


def _die_with_the_lock(path: Path) -> None:
    with exclusive(path):
        os._exit(1)


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = multiprocessing.get_context("spawn").Process(target=_die_with_the_lock, args=(path,))
    holder.start()
    holder.join()
    assert holder.exitcode == 1
    with exclusive(path):
        assert path.read_text().strip() == str(os.getpid())


def test_an_atomic_write_replaces_the_file_only_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def _fail_halfway(path: Path) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise KeyError


def test_a_failed_atomic_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        _fail_halfway(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_can_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    rename(tmp_path / "stage", tmp_path / "place")
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "folder")
    check_folder(tmp_path)
    check_file(tmp_path / "new.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.json").write_text("old")
    check_file(tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "old"


@pytest.mark.parametrize("check", [check_folder, check_file])
def test_a_place_that_cannot_be_written_is_named(
    check: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as refused:
        check(tmp_path / "file" / "out")
    assert "tmp" not in Path(refused.value.filename).name
    with pytest.raises(OSError, match=re.escape("/proc")):  # nobody can write there, root neither
        check(Path("/proc/out"))


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        check_file(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        check_folder(tmp_path / "file")
