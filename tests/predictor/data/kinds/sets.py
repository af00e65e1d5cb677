"""Small sets in the form of the sets beside CASTILLO."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FREE = "Qwen/Qwen3-8B"


def write_set(
    folder: Path, name: str, prompts: list[dict[str, Any]], lengths: list[dict[str, Any]]
) -> Path:
    """Writes the set's two files; a row may leave out a column that has a usual value."""
    folder.mkdir(exist_ok=True)
    usual = {"model": FREE, "language": "en", "turn": 1, "outputs_free": True}
    rows = [{**usual, **row} for row in lengths]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"lengths_{name}.parquet")
    rows = [{"dataset": "x", **row} for row in prompts]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"prompts_{name}.parquet")
    return folder


def answer(prompt_id: str, tokens: int, **more: Any) -> dict[str, Any]:
    return {"prompt_id": prompt_id, "response_tokens": tokens, **more}
