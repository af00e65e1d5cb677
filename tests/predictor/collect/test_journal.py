"""The journal after damage."""

import json
from pathlib import Path

import pytest

from predictor.collect.errors import CollectError
from predictor.collect.journal import Journal, Sample


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path, {"model": "m"}) as journal:
        journal.add(Sample("a", "d", 0, 5, None, "stop", False))
    path = tmp_path / "journal.jsonl"
    path.write_text(path.read_text() + "rubbish\n")
    with pytest.raises(CollectError, match="line 3 is damaged; delete that line"):
        Journal(tmp_path, {"model": "m"})


def test_a_torn_first_line_starts_a_new_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"kind": "sett')
    with Journal(tmp_path, {"model": "m"}) as journal:
        assert not journal.samples
    assert json.loads((tmp_path / "journal.jsonl").read_text())["model"] == "m"
