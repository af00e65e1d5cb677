"""The ledger before a locked database and a full disk: nothing is lost that can be kept."""

from __future__ import annotations

import logging
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.config.usage import UsageSettings
from gateway.usage import store
from gateway.usage.ledger import UsageLedger
from tests.gateway.usage.ledgers import (
    ONE,
    Clock,
    abandoned,
    in_database,
    kill,
    ledger,
    requests_of,
)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_database_costs_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.usage.database.BUSY_S", 0.01)
    caplog.set_level(logging.INFO)
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        with locked(path):
            for _ in range(3):
                counting.add("a", "m", ONE)
                counting._fold()
            assert counting.failures == 3
            assert counting.at_risk == 0, "the journal has all of it"
            assert requests_of(path) == {"a": 3}
        counting._fold()
        assert in_database(path) == 3
    told = [record.message for record in caplog.records if str(path) in record.message]
    assert ["is locked" in line for line in told] == [True, False]


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_database_that_is_locked_at_the_start_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr("gateway.usage.database.BUSY_S", 0.01)
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("a", ONE))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if lock == "EXCLUSIVE":
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"BEGIN {lock}")
        late = UsageLedger(UsageSettings(file=path), Clock())
        late.add("b", "m", ONE)
        assert (late.failures, late.at_risk) == (1, 0)
        connection.execute("ROLLBACK")
    late._fold()
    assert in_database(path) == 2
    assert late.spent == {"a": (15, 15)}
    late.add("b", "m", ONE)
    kill(late)
    with ledger(path):
        assert requests_of(path) == {"a": 1, "b": 2}


def test_journals_that_somebody_deletes_do_not_make_later_ones_look_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.usage.database.BUSY_S", 0.01)
    path = tmp_path / "usage.sqlite"
    for _ in range(3):
        abandoned(path)
    (file,) = tmp_path.glob("usage.sqlite-ended-*")
    file.unlink()
    with locked(path):
        abandoned(path, ("a", ONE))
    with ledger(path):
        assert requests_of(path) == {"a": 1}


@contextmanager
def full_disk(most: int = 0) -> Iterator[None]:
    """No file grows beyond ``most`` bytes in the block, in which pytest must not write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_nothing_once_there_is_room_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("a", "m", ONE)
        with full_disk():
            counting.add("a", "m", ONE)
            counting._try_fold()
            counting.add("a", "m", ONE)
            assert counting.at_risk == 2
            assert counting.failures == 1
        counting.add("a", "m", ONE)
        assert requests_of(path) == {"a": 2}, "a line after a torn one counts"
        counting._try_fold()
        assert (in_database(path), counting.at_risk) == (4, 0)
    assert caplog.text.count("takes no counts") == 1


def test_a_disk_that_fills_up_in_the_middle_of_a_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    counting = UsageLedger(UsageSettings(file=path), Clock())
    counting.add("a", "m", ONE)
    with full_disk(counting._journal.position.byte + 10):
        counting.add("b", "m", ONE)
        assert counting.at_risk == 1
    counting.add("c", "m", ONE)
    kill(counting)
    with ledger(path):
        assert requests_of(path) == {"a": 1, "c": 1}


def test_a_disk_that_is_full_at_the_start_does_not_keep_the_gateway_from_serving(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.sqlite"
    with full_disk():
        counting = UsageLedger(UsageSettings(file=path), Clock())
        counting.add("a", "m", ONE)
    counting._fold()
    assert in_database(path) == 1
    counting.close()


def test_what_is_lost_at_the_end_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counting = UsageLedger(UsageSettings(file=tmp_path / "usage.sqlite"), Clock())
    with full_disk():
        counting.add("a", "m", ONE)
        counting.add("a", "m", ONE)
        counting.close()
    assert "usage of 2 requests is lost" in caplog.text


def test_journals_are_forgotten_only_once_the_database_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "usage.sqlite"
    monkeypatch.setattr(store, "forget_journals", lambda *_: None)  # killed before that
    abandoned(path, ("a", ONE))
    abandoned(path, ("a", ONE))
    monkeypatch.undo()
    with ledger(path):
        assert requests_of(path) == {"a": 2}
