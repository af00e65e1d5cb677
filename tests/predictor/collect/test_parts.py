"""The parts of a collection: prompts files, the degenerate rule, waiting, the progress line."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from predictor.collect.client import Retry, endpoint
from predictor.collect.errors import CollectError
from predictor.collect.journal import Journal, Sample
from predictor.collect.output import degenerate
from predictor.collect.progress import ProgressBar
from predictor.collect.prompts import read_prompts
from predictor.data.records import DataError


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object but a list"),
        ("{}", "line 2: give either prompt"),
        ('{"prompt": "x", "messages": []}', "line 2: give either prompt"),
        ('{"prompt": ""}', "line 2: field prompt"),
        ('{"prompt": 5}', "line 2: field prompt"),
        ('{"messages": []}', "line 2: field messages"),
        ('{"messages": [5]}', r"line 2: field messages\[0\]"),
        ('{"prompt": "x", "split": 1.5}', "line 2: field split"),
        ('{"prompt": "first"}', "line 2: the same prompt is also on line 1"),
        ('{"prompt": "\\ud800"}', "line 2: not Unicode text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(f'{{"prompt": "first"}}\n{line}\n')
    with pytest.raises(DataError, match=message):
        read_prompts(file)


def test_an_id_on_two_lines_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "a", "id": "1"}\n\n{"prompt": "b", "id": 1}\n')
    with pytest.raises(DataError, match="line 3: id 1 is also on line 1"):
        read_prompts(file)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no prompts"):
        read_prompts(tmp_path / "p.jsonl")


def test_a_parquet_file_without_prompts_names_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"p\.parquet has no column prompt; it has text"):
        read_prompts(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("tokens", "bad"),
    [
        ([100] * 9 + [14_998], True),  # the spread: std 4,469 > 2 x mean 1,590
        ([100] * 9 + [8_499], False),
        ([100] * 9 + [8_500], True),
        ([9_000] * 10, False),
        ([14_998] * 10, False),
        ([14_998] * 9 + [14_999], True),
    ],
)
def test_the_degenerate_rule_is_castillos(tokens: list[int], bad: bool) -> None:
    assert degenerate(tokens) == bad


@pytest.mark.parametrize(
    "url", ["http://h:1", "http://h:1/", "http://h:1/v1/", "http://h:1/v1/chat/completions"]
)
def test_an_address_may_end_where_it_likes(url: str) -> None:
    assert str(endpoint(url)) == "http://h:1/v1/chat/completions"


def test_waiting_doubles_up_to_a_bound_and_obeys_the_server() -> None:
    retry = Retry()
    for attempt, most in ((0, 1), (3, 8), (9, 60)):
        assert most / 2 <= retry.delay(attempt, None) <= most
    assert retry.delay(0, "7") == 7
    assert retry.delay(0, "9999") == 60


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path, {"model": "m"}) as journal:
        journal.add(Sample("a", "d", 0, 5, None, "stop", False))
    path = tmp_path / "journal.jsonl"
    path.write_text(path.read_text() + "rubbish\n")
    with pytest.raises(CollectError, match="line 3 is damaged; delete that line"):
        Journal(tmp_path, {"model": "m"})


def test_a_torn_first_line_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"kind": "sett')
    with Journal(tmp_path, {"model": "m"}) as journal:
        assert not journal.samples
    assert json.loads((tmp_path / "journal.jsonl").read_text())["model"] == "m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_tells_rate_and_time_left_of_this_run_alone() -> None:
    now = [0.0]
    progress = ProgressBar(1000, 500, io.StringIO(), clock=lambda: now[0])
    now[0] = 10.0
    progress.step(100)
    assert progress.text() == "600/1,000 samples  10/s  0:40 left"


def test_progress_in_a_file_is_a_line_now_and_then() -> None:
    now, out = [0.0], io.StringIO()
    progress = ProgressBar(100, 0, out, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 1.0
        progress.step()
    assert len(out.getvalue().splitlines()) == 1 + 3 + 1
    assert "\r" not in out.getvalue()


def test_progress_on_a_terminal_is_one_line_that_notes_do_not_break() -> None:
    now, out = [0.0], Terminal()
    progress = ProgressBar(4, 0, out, clock=lambda: now[0])
    for _ in range(2):
        now[0] += 1.0
        progress.step()
    progress.note("busy")
    progress.close()
    assert "[############------------] 2/4 samples  1/s  0:02 left" in out.getvalue()
    lines = out.getvalue().split("\n")
    assert lines[0].endswith("\rbusy")
    assert len(lines) == 3
