"""Files of prompts: what is read and what is refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
