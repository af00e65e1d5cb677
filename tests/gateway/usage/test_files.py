"""A gateway of several fronts counts in several files, which are read as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config.usage import UsageSettings
from gateway.usage.counts import Counts
from gateway.usage.files import file_of_front, files_beside
from gateway.usage.ledger import UsageLedger


def _count(file: Path, key: str, tokens: int) -> None:
    ledger = UsageLedger(UsageSettings(file=file))
    ledger.add(key, "model", Counts(1, 0, tokens, 0))
    ledger.close()


def test_the_files_of_all_fronts_are_one_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "usage.sqlite"
    for number in (1, 2, 3):
        _count(file_of_front(file, number), "alice", 100 * number)
    _count(tmp_path / "usage.sqlite.other", "alice", 7)
    assert main(["usage", "--file", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["prompt_tokens"] == 600


def test_budgets_begin_with_what_all_fronts_have_counted(tmp_path: Path) -> None:
    file = tmp_path / "usage.sqlite"
    _count(file, "alice", 100)
    _count(file_of_front(file, 2), "alice", 50)
    for one in (file, file_of_front(file, 2), file_of_front(file, 3)):
        ledger = UsageLedger(UsageSettings(file=one))
        assert ledger.spent == {"alice": (150, 150)}
        ledger.close()


def test_a_file_of_another_front_that_cannot_be_read_costs_no_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "usage.sqlite"
    _count(file, "alice", 100)
    file_of_front(file, 2).write_bytes(b"no database" * 100)
    ledger = UsageLedger(UsageSettings(file=file))
    assert ledger.spent == {"alice": (100, 100)}
    ledger.close()
    assert "front-2" in caplog.text


def test_only_the_fronts_own_names_belong_together(tmp_path: Path) -> None:
    first = tmp_path / "a[1].sqlite"
    others = [file_of_front(first, number) for number in (2, 13)]
    for one in (first, *others):
        one.touch()
    for name in ("a1.sqlite.front-2", "a[1].sqlite.front-2.lock", "a[1].sqlite.front-2-ended-1"):
        (tmp_path / name).touch()
    assert files_beside(first) == sorted(others)
    assert files_beside(others[0]) == sorted([first, others[1]])
