"""The served log: cheap appends, bounded size, reads at any time, recovery after a crash."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from predictor.raw_forecast import QUANTILES
from predictor.served_log import SCHEMA, LogError, ServedLog, ServedRecord, read, read_as_written
from predictor.served_log.segments import read_lines, segment_path

INPUTS = np.array([1.0, -0.25, np.nan, 3.141592, 1e-7, 0.1, 10 / 3], dtype=np.float32)
"""Some need all nine digits to be read back as they were."""


def record(at: int, **more: Any) -> ServedRecord:
    given: dict[str, Any] = {
        "id": f"r{at}",
        "arrival": 1.7e9 + at,
        "finished": 1.7e9 + at + 2.5,
        "model": "acme/Solo-Instruct",
        "endpoint": "/v1/chat/completions",
        "prompt_tokens": 12,
        "output_tokens": 30 + at,
        "finish_reason": "stop",
        "censored": False,
        "tier": "fast",
        "inputs": INPUTS,
    }
    return ServedRecord(**(given | more))


def written(folder: Path, count: int, **options: Any) -> ServedLog:
    log = ServedLog(folder, **options)
    for at in range(count):
        assert log.append(record(at))
    log.close()
    return log


def ids(folder: Path) -> list[str | None]:
    return [str(name) for name in read(folder)["id"].to_pylist()]


def test_the_schema_has_every_field_of_a_record_and_says_which_may_be_absent() -> None:
    assert [field.name for field in fields(ServedRecord)] == SCHEMA.names
    assert not SCHEMA.field("finished").nullable
    assert SCHEMA.field("first_token").nullable
    assert SCHEMA.field("inputs").type == pa.list_(pa.float32())
    assert SCHEMA.metadata is not None
    assert json.loads(SCHEMA.metadata[b"quantile_levels"]) == list(QUANTILES)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    full = record(
        1,
        dispatched=1.7e9 + 1.5,
        first_token=1.7e9 + 1.75,
        last_token=1.7e9 + 3.25,
        worker="http://gpu-1",
        tenant="t",
        prompt_hash="p",
        max_tokens=100,
        temperature=0.7,
        predicted_mean=31.5,
        predicted_quantiles=(1.5, 2.5),
        location=3.25,
        scale=0.5,
        feature_hash="f",
        artefact="a",
        text="Grüße\n\ud800",
    )
    log = ServedLog(tmp_path)
    log.append(full)
    log.close()
    (back,) = read(tmp_path).to_pylist()
    inputs = back.pop("inputs")
    assert inputs[2] is None
    np.testing.assert_array_equal(np.array(inputs, dtype=np.float32), INPUTS)
    assert back.pop("predicted_quantiles") == [1.5, 2.5]
    assert back.pop("text") == "Grüße\n?"
    assert all(getattr(full, name) == value for name, value in back.items())


def test_full_segments_become_parquet_and_order_is_kept(tmp_path: Path) -> None:
    written(tmp_path, 25, segment_rows=10)
    assert ids(tmp_path) == [f"r{at}" for at in range(25)]
    closed = sorted(tmp_path.glob("*.parquet"))
    assert [pq.read_table(path).num_rows for path in closed] == [10, 10]
    assert read(tmp_path, limit=7)["id"].to_pylist() == [f"r{at}" for at in range(18, 25)]


def test_records_are_read_in_completion_order(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, segment_rows=2)
    for at in (3, 1, 2, 0, 4):
        log.append(record(at))
    log.close()
    assert ids(tmp_path) == ["r0", "r1", "r2", "r3", "r4"]


def test_the_next_writer_continues_after_the_last_record(tmp_path: Path) -> None:
    written(tmp_path, 3)
    log = ServedLog(tmp_path)
    log.append(record(3))
    log.close()
    assert ids(tmp_path) == ["r0", "r1", "r2", "r3"]
    assert log.torn == 0


def test_a_torn_or_foreign_line_costs_only_itself(tmp_path: Path) -> None:
    written(tmp_path, 3)
    (open_segment,) = tmp_path.glob("*.jsonl")
    lines = open_segment.read_bytes().splitlines(keepends=True)
    open_segment.write_bytes(
        b"".join([lines[0], b"\x00\x00garbage\n", b"{}\n", *lines[1:]]) + b'{"id'
    )
    assert ids(tmp_path) == ["r0", "r1", "r2"]
    log = ServedLog(tmp_path)
    assert log.torn == 3
    log.close()
    assert ids(tmp_path) == ["r0", "r1", "r2"]


def test_a_crash_between_parquet_and_clean_up_duplicates_nothing(tmp_path: Path) -> None:
    written(tmp_path, 4)
    (left,) = tmp_path.glob("*.jsonl")
    again = left.read_bytes()
    ServedLog(tmp_path).close()
    left.write_bytes(again)
    (tmp_path / "served-000000000099.partial").write_bytes(b"half")
    assert ids(tmp_path) == ["r0", "r1", "r2", "r3"]
    ServedLog(tmp_path).close()
    assert ids(tmp_path) == ["r0", "r1", "r2", "r3"]
    assert not list(tmp_path.glob("*.partial"))


def test_the_oldest_segments_are_deleted_beyond_the_size_limit(tmp_path: Path) -> None:
    bound = 1 << 16
    log = ServedLog(tmp_path, max_bytes=bound, segment_rows=50)
    rng = np.random.default_rng(0)
    for at in range(2000):
        log.append(record(at, inputs=rng.random(64, dtype=np.float32)))
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound
    assert log.deleted > 0
    kept = ids(tmp_path)
    assert kept == [f"r{at}" for at in range(2000 - len(kept), 2000)]
    assert len(kept) >= 20


def test_a_segment_of_many_bytes_is_finished_before_it_has_all_its_rows(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, max_bytes=1 << 20)
    for at in range(400):
        log.append(record(at, text="x" * 1000))
    log.close()
    assert list(tmp_path.glob("*.parquet"))
    assert ids(tmp_path) == [f"r{at}" for at in range(400)]


def test_a_write_that_fails_half_way_leaves_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ServedLog(tmp_path, flush_s=3600)
    log.append(record(0))
    log._drain()
    write = os.write

    def fill_the_disk(file: int, data: memoryview) -> int:
        write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fill_the_disk)
        log.append(record(1))
        log._drain()
    log.append(record(2))
    log.close()
    assert log.dropped == 1
    assert ids(tmp_path) == ["r0", "r2"]
    assert read_lines(segment_path(tmp_path, 1, "jsonl"))[1] == 0


def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, max_waiting=5, flush_s=3600)
    kept = [log.append(record(at)) for at in range(8)]
    log.close()
    assert kept == [True] * 5 + [False] * 3
    assert log.dropped == 3
    assert not log.append(record(9))
    assert len(ids(tmp_path)) == 5


def test_an_unusual_record_does_not_affect_other_records(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    log.append(record(0, temperature=math.nan, inputs=None))
    log.append(record(1, text="x" * 3_000_000))
    log.close()
    first, second = read(tmp_path).to_pylist()
    assert first["temperature"] is None
    assert first["inputs"] is None
    assert len(second["text"]) == 3_000_000


def test_appending_costs_microseconds(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, flush_s=3600)
    one = record(0)
    times = []
    for _ in range(2000):
        start = time.perf_counter()
        log.append(one)
        times.append(time.perf_counter() - start)
    log.close()
    assert float(np.median(times)) < 50e-6


def test_two_writers_are_refused_by_name_of_the_folder(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    with pytest.raises(LogError, match=f"{tmp_path.name}.*process {os.getpid()}"):
        ServedLog(tmp_path)
    log.close()
    ServedLog(tmp_path).close()


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match=r"file.*choose another folder"):
        ServedLog(tmp_path / "file")
    with pytest.raises(LogError, match=r"absent is not a served log"):
        read(tmp_path / "absent")
    with pytest.raises(ValueError, match="segment_rows 0"):
        ServedLog(tmp_path, segment_rows=0)


def test_an_unreadable_segment_is_skipped(tmp_path: Path) -> None:
    written(tmp_path, 3)
    segment_path(tmp_path, 7, "parquet").write_bytes(b"not parquet")
    assert ids(tmp_path) == ["r0", "r1", "r2"]


_WRITER = """
import sys
from tests.predictor.served_log.test_served_log import record
from predictor.served_log import ServedLog
log = ServedLog(sys.argv[1], segment_rows=40, flush_s=0.005)
at = 0
while True:
    log.append(record(at))
    at += 1
    if at % 50 == 0:
        log._stop.wait(0.002)
"""


def test_a_killed_writer_leaves_all_it_had_written(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)])
    deadline = time.monotonic() + 30
    seen = 0
    while seen < 500 and time.monotonic() < deadline and writer.poll() is None:
        if tmp_path.joinpath("lock").exists():
            seen = read(tmp_path).num_rows  # while it is being written
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert seen >= 500
    left = ids(tmp_path)
    assert len(left) >= seen
    assert left == [f"r{at}" for at in range(len(left))]
    log = ServedLog(tmp_path)  # the lock died with its holder
    log.append(record(len(left)))
    log.close()
    assert ids(tmp_path) == [*left, f"r{len(left)}"]


def test_a_log_of_before_the_kinds_of_requests_is_still_read(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    log.append(record(7))
    log.close()
    later = ["mode", "script", "tools", "json", "turns", "keys", "mode_numbers"]
    old = read(tmp_path).drop_columns(later)
    for path in tmp_path.glob("served-*"):
        path.unlink()
    pq.write_table(old, segment_path(tmp_path, 1, "parquet"))
    (row,) = read(tmp_path).to_pylist()
    assert row["output_tokens"] == record(7).output_tokens
    assert [row[name] for name in later] == [None] * len(later)


def test_records_are_read_as_written_where_the_clock_went_back(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, segment_rows=4)
    for at, later in enumerate((0, 10, 20, -3600, -3590, -3580)):
        log.append(record(at, finished=1.7e9 + later))
    log.close()
    table, _ = read_as_written(tmp_path, ("id", "finished", "streamed"))
    assert table["id"].to_pylist() == [f"r{at}" for at in range(6)]
    assert table.column_names == ["id", "finished", "streamed"]
    assert ids(tmp_path) == ["r3", "r4", "r5", "r0", "r1", "r2"]
    assert {path.suffix for path in tmp_path.glob("served-*")} == {".parquet", ".jsonl"}


def test_columns_that_an_older_version_did_not_write_are_null(tmp_path: Path) -> None:
    written(tmp_path, 3, segment_rows=3)
    (path,) = tmp_path.glob("*.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["streamed", "key"]), path)
    table, _ = read_as_written(tmp_path, ("id", "streamed", "key"))
    assert table["id"].to_pylist() == ["r0", "r1", "r2"]
    assert table["streamed"].null_count == table["key"].null_count == 3
