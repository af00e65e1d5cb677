"""The ledger: exact over crashes and restarts, calm before disks that fail and clocks that jump."""

from __future__ import annotations

import logging
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.config.usage import UsageSettings
from gateway.usage import journal, store
from gateway.usage.counts import Counts
from gateway.usage.database import UsageFileError
from gateway.usage.ledger import UsageLedger
from tests.gateway.harness import until
from tests.gateway.usage.ledgers import (
    DAY_S,
    NOON,
    Clock,
    abandoned,
    in_database,
    kill,
    ledger,
    read,
    requests_of,
)

ONE = Counts(1, 0, 10, 5, 0.25, 2.0)
FAILED = Counts(1, 1, 3, 0, 1.0, 0.0)


def test_counts_are_summed_by_day_key_and_model(tmp_path: Path) -> None:
    path, clock = tmp_path / "usage.sqlite", Clock()
    with ledger(path, clock) as counting:
        for key, model, counts in (("a", "m", ONE), ("a", "m", FAILED), ("a", "n", ONE)):
            counting.add(key, model, counts)
        clock.now += DAY_S
        counting.add("b", "m", ONE)
    totals = read(path)
    assert {tuple(row) for row in totals} == {
        (20_000, "a", "m"),
        (20_000, "a", "n"),
        (20_001, "b", "m"),
    }
    assert totals[next(row for row in totals if row[1:] == ("a", "m"))] == Counts(
        2, 1, 13, 5, 1.25, 2.0
    )


async def test_the_database_has_counts_soon_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.begin()
        counting.add("a", "m", ONE)
        await until(lambda: in_database(path) == 1, "the thread has written")
        counting.add("a", "m", ONE)
        await until(lambda: in_database(path) == 2, "the thread has written again")


def test_what_a_killed_process_counted_is_read_and_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("a", ONE), ("b", FAILED), ("a", ONE))
    assert requests_of(path) == {"a": 2, "b": 1}, "without a gateway"
    abandoned(path, ("a", ONE))  # counts what was left, and is killed as well
    with ledger(path):
        assert in_database(path) == 4
    for _ in range(2):
        with ledger(path):
            assert requests_of(path) == {"a": 3, "b": 1}


def test_a_process_killed_between_two_writings_counts_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    left = UsageLedger(UsageSettings(file=path), Clock())
    for _ in range(3):
        left.add("a", "m", ONE)
    left._fold()
    left.add("a", "m", ONE)
    kill(left)
    assert (in_database(path), requests_of(path)) == (3, {"a": 4})
    with ledger(path):
        assert in_database(path) == 4


def test_a_line_that_a_kill_cut_is_of_a_request_that_had_not_ended(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("a", ONE), ("a", ONE))
    (file,) = tmp_path.glob("usage.sqlite-ended-*")
    file.write_bytes(file.read_bytes()[:-5])
    assert requests_of(path) == {"a": 1}
    with ledger(path):
        assert in_database(path) == 1


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


def test_a_clock_that_goes_back_counts_on_the_day_that_it_shows(tmp_path: Path) -> None:
    path, clock = tmp_path / "usage.sqlite", Clock()
    with ledger(path, clock) as counting:
        for now in (NOON, NOON - DAY_S, 0.0, NOON):
            clock.now = now
            counting.add("a", "m", ONE)
    assert {row.day: n.requests for row, n in read(path).items()} == {0: 1, 19_999: 1, 20_000: 2}


def test_the_oldest_days_go_and_a_clock_that_runs_ahead_costs_one_day(tmp_path: Path) -> None:
    path, clock = tmp_path / "usage.sqlite", Clock()
    with ledger(path, clock, days=3) as counting:
        for day in (0, 1, 2, 3, 30_000):
            clock.now = NOON + day * DAY_S
            counting.add("a", "m", ONE)
            counting._fold()
    assert [row.day - 20_000 for row in read(path)] == [2, 3, 30_000]


def test_made_up_keys_do_not_fill_the_file_and_known_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path, max_keys=3) as counting:
        for number in range(50):
            counting.add(f"~{number}", "m", ONE)
            counting.add(f"named-{number}", "m", ONE)
    with ledger(path, max_keys=3) as counting:  # the bound is of the day, not of the process
        counting.add("~new", "m", ONE)
        counting.add("~1", "m", ONE)
    found = requests_of(path)
    assert {key: n for key, n in found.items() if not key.startswith("named")} == {
        "~0": 1,
        "~1": 2,
        "~2": 1,
        "(other)": 48,
    }
    assert len(found) == 54


def test_names_of_models_are_bounded_and_are_text(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("a", "\ud800" + "x" * 10_000, ONE)
        for number in range(600):
            counting.add("a", f"model-{number}", ONE)
    models = {row.model for row in read(path)}
    assert len(models) == 501
    assert max(map(len, models)) == 256


def test_names_in_tokens_of_others_are_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.usage.names.MOST_NAMED", 3)
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        for number in range(9):
            counting.add(f"someone-{number}@example.com", "m", ONE)
    assert sorted(requests_of(path).values()) == [1, 1, 1, 6]


def test_what_a_key_has_spent_outlives_a_restart_and_ends_with_day_and_month(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "usage.sqlite", Clock()
    with ledger(path, clock) as counting:
        counting.add("a", "m", ONE)
        clock.now += DAY_S
        for key, model in (("a", "n"), ("b", "m"), ("~pseudonym", "m"), ("(none)", "m")):
            counting.add(key, model, ONE)
    abandoned(path, ("a", ONE), clock=clock)
    with ledger(path, clock) as counting:
        assert counting.spent == {"a": (30, 45), "b": (15, 15)}
        assert counting.today.isoformat() == "2024-10-05"
    clock.now = NOON
    with ledger(path, clock) as counting:
        assert counting.spent == {"a": (15, 15)}, "the clock has gone back"
    clock.now = NOON + 27 * DAY_S
    with ledger(path, clock) as counting:
        counting.add("a", "m", ONE)
    clock.now += DAY_S  # the first of November
    with ledger(path, clock) as counting:
        assert counting.spent == {}


def test_the_salt_outlives_a_restart(tmp_path: Path) -> None:
    salts = []
    for _ in range(2):
        with ledger(tmp_path / "usage.sqlite") as counting:
            salts.append(counting.salt)
    assert salts[0] == salts[1]
    assert salts[0] is not None
    assert len(salts[0]) == 32


def test_only_twenty_keys_have_series_of_their_own(tmp_path: Path) -> None:
    with ledger(tmp_path / "usage.sqlite") as counting:
        counting.add("~pseudonym", "m", ONE)
        for number in range(30):
            counting.add(f"named-{number}", "m", ONE)
        assert len(counting.by_key) <= 21
        assert sum(counts.requests for counts in counting.by_key.values()) == 31


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
