"""The ledger: exact over crashes and restarts, and calm before clocks that jump."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.usage import UsageSettings
from gateway.usage.counts import Counts
from gateway.usage.ledger import UsageLedger
from tests.gateway.harness import until
from tests.gateway.usage.ledgers import (
    DAY_S,
    FAILED,
    NOON,
    ONE,
    Clock,
    abandoned,
    in_database,
    kill,
    ledger,
    read,
    requests_of,
)


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
