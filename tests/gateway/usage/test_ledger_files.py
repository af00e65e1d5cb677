"""The ledger's files: private, small, and set aside where they are damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config.usage import UsageSettings
from gateway.usage import journal
from gateway.usage.database import UsageFileError
from gateway.usage.ledger import UsageLedger
from tests.gateway.usage.ledgers import (
    ONE,
    abandoned,
    ledger,
    requests_of,
)


def test_journals_do_not_grow_and_none_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LARGE_BYTES", 2000)
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        for _ in range(3):
            while not counting._journal.large:
                counting.add("a", "m", ONE)
            counting._fold()
            (file,) = tmp_path.glob("usage.sqlite-ended-*")
            assert file.stat().st_size == 0
    total = sum(file.stat().st_size for file in tmp_path.glob("usage.sqlite-ended-*"))
    assert total == 0


def test_all_files_are_of_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    path = folder / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("a", "m", ONE)
        counting._fold()
        assert folder.stat().st_mode & 0o777 == 0o700
        files = {file.name: file.stat().st_mode & 0o77 for file in folder.iterdir()}
    assert len(files) >= 4
    assert not any(files.values()), files


def test_two_gateways_may_not_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path), pytest.raises(UsageFileError, match=r"usage\.file: .*locked by process"):
        UsageLedger(UsageSettings(file=path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageFileError, match=r"usage\.file: .*file: "):
        UsageLedger(UsageSettings(file=tmp_path / "file" / "usage.sqlite"))


def test_a_damaged_file_is_set_aside_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "usage.sqlite"
    path.write_bytes(b"\0" * 16 + b"what somebody may want to look at" * 100)
    with ledger(path) as counting:
        counting.add("a", "m", ONE)
    assert requests_of(path) == {"a": 1}
    (aside,) = tmp_path.glob("usage.sqlite.damaged-*")
    assert aside.read_bytes().endswith(b"look at")
    (line,) = [record.message for record in caplog.records if "damaged" in record.message]
    assert str(aside) in line


def test_a_file_of_another_kind_ends_the_start_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text('{"name": "alice"}\n')
    path.chmod(0o640)
    with pytest.raises(UsageFileError, match="is no database, and stays as it is"):
        UsageLedger(UsageSettings(file=path))
    assert path.read_text() == '{"name": "alice"}\n'
    assert path.stat().st_mode & 0o777 == 0o640


def test_damage_while_serving_costs_no_count_that_is_not_in_the_damaged_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("a", "m", ONE)
        counting._fold()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.write(b"\0" * path.stat().st_size)
        counting.add("b", "m", ONE)
        counting._try_fold()
        counting.add("b", "m", ONE)
        counting._try_fold()
        assert requests_of(path) == {"b": 2}
    assert len(list(tmp_path.glob("usage.sqlite.damaged-*"))) == 1
    assert "damaged" in caplog.text


def test_a_file_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("a", "m", ONE)
        counting._fold()
        path.unlink()
        counting.add("b", "m", ONE)
        counting._fold()
        assert requests_of(path) == {"b": 1}


def test_another_programs_database_and_one_of_a_later_version_are_left_alone(
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(UsageFileError, match="another program's"):
        UsageLedger(UsageSettings(file=other))
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("a", ONE))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    for _ in range(2):  # and the lock is free again
        with pytest.raises(UsageFileError, match=r"later version .*tables 2, known up to 1"):
            UsageLedger(UsageSettings(file=path))
