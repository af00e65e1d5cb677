"""`lengthwise usage`: what people and programs read, beside a gateway that counts."""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from gateway.command_line.run import run
from gateway.usage import command
from gateway.usage.counts import Counts, Totals, date_of
from gateway.usage.journal import Position, read_journals
from gateway.usage.report import duration
from tests.gateway.usage.ledgers import DAY_S, NOON, Clock, abandoned, ledger, requests_of

TODAY = date_of(20_000)
BIG, SMALL = Counts(3, 1, 40_000, 2_000, 12.5, 7_380.0), Counts(1, 0, 10, 5, 0.2, 1.0)


@pytest.fixture(autouse=True)
def _on_that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "today", lambda: TODAY)
    monkeypatch.delenv("LENGTHWISE_USAGE_FILE", raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file, clock = tmp_path / "usage.sqlite", Clock()
    with ledger(file, clock) as counting:
        for days_ago, key, model, counts in (
            (40, "alice", "m", SMALL),
            (6, "alice", "m", BIG),
            (1, "bob", "n", SMALL),
            (0, "alice", "n", SMALL),
        ):
            clock.now = NOON - days_ago * DAY_S
            counting.add(key, model, counts)
    return file


def usage(capsys: pytest.CaptureFixture[str], path: Path, *flags: str) -> str:
    assert run(["usage", "--file", str(path), *flags]) == 0
    return capsys.readouterr().out


def test_the_table_shows_who_used_most_first_and_the_sum(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = usage(capsys, path).splitlines()
    assert lines[0] == "2024-09-05 to 2024-10-04, days in UTC"
    cells = [line.split() for line in lines[1:]]
    assert cells[0][:3] == ["key", "requests", "failed"]
    assert cells[1] == ["alice", "4", "1", "40,010", "2,005", "12.7", "s", "2", "h", "03", "min"]
    assert cells[2] == ["bob", "1", "0", "10", "5", "0.2", "s", "1.0", "s"]
    assert cells[3] == ["total", "5", "1", "40,020", "2,010", "12.9", "s", "2", "h", "03", "min"]
    assert len({len(line) for line in lines[1:]}) == 1, "columns of equal width"


def test_days_are_in_order_and_bounds_are_days_of_the_report(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(usage(capsys, path, "--by", "day,key", "--since", "6d", "--json"))["rows"]
    assert [(row["day"], row["key"]) for row in rows] == [
        ("2024-09-28", "alice"),
        ("2024-10-03", "bob"),
        ("2024-10-04", "alice"),
    ]
    flags = ("--since", "2024-08-25", "--until", "2024-08-25", "--json")
    report = json.loads(usage(capsys, path, *flags))
    assert report["since"] == report["until"] == "2024-08-25"
    assert report["rows"] == [
        {
            "key": "alice",
            "requests": 1,
            "failed": 0,
            "prompt_tokens": 10,
            "output_tokens": 5,
            "queue_s": 0.2,
            "worker_s": 1.0,
        }
    ]
    assert report["total"]["requests"] == 1


def test_csv_is_read_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, second) = csv.DictReader(StringIO(usage(capsys, path, "--csv", "--by", "model")))
    assert (first["model"], first["requests"], first["queue_s"]) == ("m", "3", "12.5")
    assert (second["model"], second["output_tokens"]) == ("n", "10")


def test_the_configuration_and_the_environment_name_the_file(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = path.with_name("config.yaml")
    config.write_text(f"usage:\n  file: {path}\n")
    assert run(["usage", "--config", str(config)]) == 0
    monkeypatch.setenv("LENGTHWISE_USAGE_FILE", str(path))
    assert run(["usage"]) == 0
    first, second = capsys.readouterr().out.split("2024-09-05 to")[1:]
    assert first == second


def test_nothing_used_is_no_error(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "total" in usage(capsys, path, "--since", "2020-01-01", "--until", "2020-01-02")


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--file", "absent.sqlite"], "absent.sqlite: no such file"),
        ([], "which database? Give --file"),
        (["--file", "{}", "--by", "user"], "--by user: must be key, model or day"),
        (["--file", "{}", "--since", "tomorrow"], "--since tomorrow: is no day"),
        (["--file", "{}", "--since", "9999999d"], "is no day"),
        (["--file", "{}", "--since", "today", "--until", "3d"], "is after --until"),
    ],
)
def test_faults_are_one_line_with_the_remedy(
    path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], fault: str
) -> None:
    assert run(["usage", *(flag.format(path) for flag in flags)]) == 2
    told = capsys.readouterr().err
    assert fault in told
    assert told.count("\n") == 1


def test_what_is_no_database_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    garbage = tmp_path / "usage.sqlite"
    garbage.write_text("garbage" * 1000)
    assert run(["usage", "--file", str(garbage)]) == 2
    assert "damaged or no database" in capsys.readouterr().err
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert run(["usage", "--file", str(tmp_path / "other.sqlite")]) == 2
    assert "another program's" in capsys.readouterr().err


def test_a_name_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("alice", "\x1b[31mred[bold]", SMALL)
    assert "?[31mred[bold]" in usage(capsys, path, "--by", "model")


def test_a_reader_beside_the_writer_counts_every_request_once(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("alice", SMALL))
    seen: list[int] = []
    with ledger(path) as counting:
        done = threading.Event()

        def write() -> None:
            for number in range(1500):
                counting.add("alice", "m", SMALL)
                if number % 50 == 0:
                    counting._fold()
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            before = counting.by_key.get("alice", Counts()).requests
            found = requests_of(path)["alice"] - 1
            assert before <= found <= counting.by_key.get("alice", Counts()).requests + 1
            seen.append(found)
        writer.join()
    assert len(seen) > 3
    assert requests_of(path) == {"alice": 1501}


def test_what_moves_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.usage.journal.LARGE_BYTES", 1)  # a new journal each time
    path = tmp_path / "usage.sqlite"
    with ledger(path) as counting:
        counting.add("alice", "m", SMALL)
        folds = iter([counting._fold])

        def read_late(database: Path, after: Position) -> Totals:
            for fold in folds:
                fold()
            return read_journals(database, after)

        monkeypatch.setattr("gateway.usage.read.read_journals", read_late)
        assert requests_of(path) == {"alice": 1}
        assert next(folds, None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.97, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7_380, "2 h 03 min"),
        (4_442_400, "1,234 h"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
