"""The files of the served log: numbered segments, JSON lines while open and Parquet when full."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from predictor.files import PARTIAL, PRIVATE_FILE, atomic_write
from predictor.served_log.lost import Lost
from predictor.served_log.schema import SCHEMA

log = logging.getLogger("lengthwise")

LOCK = "lock"
_NAME = re.compile(r"served-(\d{12})\.(parquet|jsonl)")
_ATTEMPTS = 5

_REQUIRED = [field.name for field in SCHEMA if not field.nullable]


class LogError(OSError):
    """The served log cannot be read or written; the message names the folder and the remedy."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log; a later segment has a higher number."""

    path: Path
    number: int

    @property
    def is_open(self) -> bool:
        """Whether the segment is JSON lines: still written, or left over from a crash."""
        return self.path.suffix == ".jsonl"


def segment_path(folder: Path, number: int, kind: str) -> Path:
    """The path of segment ``number`` of the ``kind`` "jsonl" or "parquet"."""
    return folder / f"served-{number:012d}.{kind}"


def segments(folder: Path) -> list[Segment]:
    """The segments in order; a segment that exists in both forms counts as Parquet."""
    by_number: dict[int, Segment] = {}
    for path in sorted(folder.iterdir()):  # .jsonl before .parquet
        name = _NAME.fullmatch(path.name)
        if name:
            by_number[int(name[1])] = Segment(path, int(name[1]))
    return [by_number[number] for number in sorted(by_number)]


def read(folder: Path | str, *, limit: int | None = None) -> pa.Table:
    """The records of all segments in order of completion (``schema.SCHEMA``).

    ``limit``: the number of latest records to read. Can run while the log is written; records of
    the last second may be missing. Torn lines and unreadable files are skipped with a warning.

    Raises:
        LogError: the folder is absent or not readable.
    """
    table = _whole(Path(folder), limit, SCHEMA.names)[0].sort_by("finished")
    return table.slice(max(0, table.num_rows - limit)) if limit is not None else table


def read_as_written(folder: Path | str, columns: Sequence[str]) -> tuple[pa.Table, Lost]:
    """Some ``columns`` of all records, in the order in which they were written, and what is lost.

    The order is the one in which the requests ended, also where the clock has jumped. Otherwise as
    ``read``; without the inputs of the forecasts a log takes a small part of the memory.

    Raises:
        LogError: the folder is absent or not readable.
    """
    table, lost = _whole(Path(folder), None, columns)
    return table.select(list(columns)), lost


def _whole(folder: Path, limit: int | None, columns: Sequence[str]) -> tuple[pa.Table, Lost]:
    check(folder)
    for _ in range(_ATTEMPTS):
        with suppress(FileNotFoundError):  # a segment was finished or deleted meanwhile
            return _read(folder, limit, columns)
    raise LogError(f"{folder} changes faster than it can be read; try again")


def check(folder: Path) -> None:
    """Refuse a folder that no gateway has written to.

    Raises:
        LogError: the folder is absent, cannot be read, or holds neither records nor the lock that
            a gateway makes first.
    """
    try:
        known = folder.is_dir() and (bool(segments(folder)) or (folder / LOCK).exists())
    except OSError as error:
        raise LogError(
            f"{folder} cannot be read: {error.strerror}; check its permissions"
        ) from None
    if not known:
        raise LogError(
            f"{folder} is not a served log; give the folder that the gateway writes to: `served` "
            "under learning.folder"
        )


def _read(folder: Path, limit: int | None, columns: Sequence[str]) -> tuple[pa.Table, Lost]:
    names = [name for name in SCHEMA.names if name in {*columns, *_REQUIRED}]
    kept: list[pa.Table] = []
    rows, lost = 0, Lost()
    for segment in reversed(segments(folder)):
        if limit is not None and rows >= limit:
            break
        load = _load_lines if segment.is_open else _load_parquet
        table, missing = load(segment.path, names)
        lost += missing
        kept.append(table)
        rows += table.num_rows
    return pa.concat_tables(kept[::-1]) if kept else SCHEMA.empty_table().select(names), lost


def _load_lines(path: Path, names: Sequence[str]) -> tuple[pa.Table, Lost]:
    table, skipped = read_lines(path)
    return table.select(list(names)), Lost(lines=skipped)


def read_lines(path: Path) -> tuple[pa.Table, int]:
    """The records of a JSON lines segment, and the number of torn or unreadable lines.

    A last line without a line break is still being written and does not count.
    """
    data = path.read_bytes()
    data = data[: data.rfind(b"\n") + 1]
    try:
        table = _parse(data)
    except pa.ArrowInvalid:
        good = [line for line in data.splitlines(keepends=True) if _is_sound(line)]
        table = _parse(b"".join(good))
    skipped = data.count(b"\n") - table.num_rows
    if skipped:
        log.warning("%s: %d lines are damaged and were skipped", path, skipped)
    return table, skipped


def _is_sound(line: bytes) -> bool:
    try:
        _parse(line)
    except pa.ArrowInvalid:
        return False
    return True


def _parse(data: bytes) -> pa.Table:
    """Parse JSON lines with Arrow's reader, which leaves the interpreter lock to the event loop."""
    if not data.strip():
        return SCHEMA.empty_table()
    table = pyarrow.json.read_json(
        io.BytesIO(data),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=SCHEMA, unexpected_field_behavior="ignore"
        ),
    )
    return _conform(table)


def _conform(table: pa.Table) -> pa.Table:
    """The table with the schema's columns, without the rows that lack a required field."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    complete = pa.table(columns, names=SCHEMA.names)
    for name in _REQUIRED:
        if complete[name].null_count:
            complete = complete.filter(complete[name].is_valid())
    return complete.replace_schema_metadata(SCHEMA.metadata).cast(SCHEMA)


def _load_parquet(path: Path, names: Sequence[str]) -> tuple[pa.Table, Lost]:
    try:
        present = set(pq.read_schema(path).names)
        table = pq.read_table(path, columns=[name for name in names if name in present])
        sound = _conform(table).select(list(names))
        return sound, Lost(lines=table.num_rows - sound.num_rows)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        log.warning("%s cannot be read and was skipped (%s); delete the file", path, error)
        return SCHEMA.empty_table().select(list(names)), Lost(files=1)


def finish(path: Path) -> tuple[Path, int]:
    """Convert a JSON lines segment to Parquet; a crash leaves one of the two files whole.

    Returns the new file and the number of skipped lines. A segment without records is deleted.
    """
    table, skipped = read_lines(path)
    out = path.with_suffix(".parquet")
    if table.num_rows:
        with atomic_write(out, mode=PRIVATE_FILE) as file:
            pq.write_table(table, file, compression="zstd")
    path.unlink()
    return out, skipped


def recover(folder: Path) -> tuple[int, int]:
    """Finish the segments that a crash left; returns the next number and the skipped lines."""
    skipped = 0
    for path in _leftovers(folder):
        twin = path.with_suffix(".parquet")
        if path.suffix == PARTIAL or twin.exists():  # not finished, or finished but not deleted
            path.unlink()
        else:
            torn = not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
            skipped += finish(path)[1] + torn
    return max((segment.number for segment in segments(folder)), default=0) + 1, skipped


def _leftovers(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("served-*.jsonl"))
    yield from sorted(folder.glob(f"served-*{PARTIAL}"))


def prune(folder: Path, max_bytes: int, *, before: int) -> int:
    """Delete the oldest segments until those numbered below ``before`` have ``max_bytes`` or less.

    Returns the number of deleted segments.
    """
    closed = [segment for segment in segments(folder) if segment.number < before]
    sizes = [segment.path.stat().st_size for segment in closed]
    total, deleted = sum(sizes), 0
    for segment, size in zip(closed, sizes, strict=True):
        if total <= max_bytes:
            break
        segment.path.unlink()
        total -= size
        deleted += 1
    return deleted
