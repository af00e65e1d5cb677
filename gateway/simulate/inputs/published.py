"""Published traces as tables of lengths: Azure, BurstGPT, Mooncake, results of `vllm bench serve`.

Each becomes a table with the columns of ``length_trace``: ``t`` (seconds from the first arrival,
ascending), ``input_tokens`` and ``output_tokens``. Requests that failed are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from predictor.data.records import DataError

_AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_BURSTGPT = ("Timestamp", "Request tokens", "Response tokens")
_MOONCAKE = ("timestamp", "input_length", "output_length")
_OWN = ("t", "input_tokens", "output_tokens")
_RESULTS = ("start_times", "input_lens", "output_lens")
_HEAD = 1 << 16

TEXTS = (
    "holds texts without their token counts; send them to a server with `vllm bench serve "
    "--save-result --save-detailed` and give the result file, or write JSON lines with model, "
    "prompt, prompt_tokens and output_tokens"
)


def published_table(path: Path) -> pa.Table | None:
    """The requests of a published trace; None if the file is JSON lines with prompts.

    Raises:
        DataError: the file is of a known kind and cannot be used, or is of no kind.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if head.startswith("["):
        raise DataError(f"{path} {TEXTS}")
    if head.startswith("{"):
        return _of_json(path, head)
    return _of_csv(path, head)


def _of_csv(path: Path, head: str) -> pa.Table | None:
    header = [name.strip().strip('"') for name in head.partition("\n")[0].split(",")]
    known = [names for names in (_AZURE, _BURSTGPT, _OWN) if set(names[1:]) <= set(header)]
    if not known:
        return None  # the reader of JSON lines names the line
    names = [name for name in known[0] if name in header]
    options = csv.ConvertOptions(
        include_columns=names, column_types={"TIMESTAMP": pa.string()}, strings_can_be_null=True
    )
    try:
        table = csv.read_csv(path, convert_options=options)
        times = _seconds(table[names[0]]) if names[0] == known[0][0] else None
        return _table(times, *(table[name].cast(pa.float64()) for name in known[0][1:]))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: {reason}; give the file as it was published") from error


def _seconds(column: Any) -> Any:
    """Times in seconds: numbers as they are, or dates with up to nine decimals."""
    if not pa.types.is_string(column.type):
        return column.cast(pa.float64())
    zoned = pc.any(pc.match_substring_regex(column, r"(Z|[+-]\d\d:?\d\d)$")).as_py()
    dates = column.cast(pa.timestamp("ns", tz="UTC" if zoned else None))
    since = pc.subtract(dates.cast(pa.int64()), pc.min(dates.cast(pa.int64())))
    return pc.divide(since.cast(pa.float64()), 1e9)


def _of_json(path: Path, head: str) -> pa.Table | None:
    first = _object(path, head)
    if set(_MOONCAKE) <= set(first):
        rows = [_mooncake_row(path, number, line) for number, line in _lines(path)]
        milliseconds, prompts, answers = (pa.array(column) for column in zip(*rows, strict=True))
        return _table(pc.divide(milliseconds.cast(pa.float64()), 1000.0), prompts, answers)
    if set(_RESULTS[1:]) <= set(first):
        return _of_results(path, first)
    if "total_input_tokens" in first or "request_throughput" in first:
        raise DataError(
            f"{path} has no input_lens and output_lens; run `vllm bench serve` again with "
            "--save-result --save-detailed"
        )
    if "conversations" in first or ("prompt" in first and "prompt_tokens" not in first):
        raise DataError(f"{path} {TEXTS}")
    return None


def _object(path: Path, head: str) -> Mapping[str, Any]:
    """The object in the first line, or in the whole file; empty if neither is one."""
    for text in (head.partition("\n")[0], None):
        try:
            value = json.loads(path.read_bytes() if text is None else text)
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else {}
    return {}


def _lines(path: Path) -> list[tuple[int, bytes]]:
    lines = path.read_bytes().splitlines()
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _mooncake_row(path: Path, number: int, line: bytes) -> tuple[float, float, float]:
    try:
        row = json.loads(line)
        time, prompt, answer = (float(row[name]) for name in _MOONCAKE)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path}, line {number}: {type(error).__name__}: {error}; give "
            f"{', '.join(_MOONCAKE)} in each line, as published"
        ) from error
    return time, prompt, answer


def _of_results(path: Path, result: Mapping[str, Any]) -> pa.Table:
    """The requests of one run of `vllm bench serve`; older versions save no start times."""
    times, prompts, answers = (result.get(name) for name in _RESULTS)
    try:
        known = isinstance(times, Sequence) and len(times) == len(result["input_lens"])
        since = pa.array(times or (), pa.float64()) if known else None
        return _table(
            since, *(pa.array(counts or (), pa.float64()) for counts in (prompts, answers))
        )
    except (pa.ArrowException, TypeError) as error:
        raise DataError(f"{path}: {error}; give the file as vLLM wrote it") from error


def _table(times: Any, prompts: Any, answers: Any) -> pa.Table:
    """The columns of a trace, by time from 0 on, without requests that have no answer."""
    columns = {"input_tokens": prompts, "output_tokens": answers}
    if times is not None:
        columns["t"] = times
    table = pa.table(columns)
    table = table.filter(pc.greater(table["output_tokens"], pa.scalar(0.0)))
    if times is None or not table.num_rows:
        return table
    table = table.sort_by("t")
    at = table.column_names.index("t")
    return table.set_column(at, "t", pc.subtract(table["t"], table["t"][0]))
