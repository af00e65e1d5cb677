"""Small files of requests for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.simulate.inputs.reader import ReadOptions
from gateway.simulate.inputs.source import RequestSource
from scheduler.sim.request import Request

OPTIONS = ReadOptions(data=Path("absent"))


def write_json_lines(folder: Path, *rows: dict[str, Any]) -> Path:
    """A file of requests as JSON lines."""
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_parquet(folder: Path, **columns: list[Any]) -> Path:
    """A trace as Parquet."""
    path = folder / "trace.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def all_requests(source: RequestSource) -> list[Request]:
    """Every request, in the order of the source."""
    return source.draw(source.size, 0, in_order=True)
