"""What a report takes from a served log: sound records, of its period, whatever the clock did."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gateway.calibrate.cost_model import Limits
from gateway.report.errors import ReportError
from gateway.report.latency import latency
from gateway.report.limits import workers_of
from gateway.report.period import period_of
from gateway.report.served import read_served, within
from gateway.report.stretches import stretches
from gateway.report.traffic import traffic as traffic_of
from predictor.served_log import LogError, ServedRecord
from scheduler.records import RequestRecord
from scheduler.worker_spec import ENGINE_QUEUE
from tests.gateway.replay.traffic import traffic
from tests.gateway.report.logs import BEGUN, WORKER, records, written

NOW = BEGUN + 1e6
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def sound() -> list[ServedRecord]:
    return list(records(traffic(count=60)))


def moved(record: ServedRecord, seconds: float) -> ServedRecord:
    """The same request at another time."""
    names = ("arrival", "dispatched", "first_token", "last_token", "finished")
    return replace(record, **{name: getattr(record, name) + seconds for name in names})


def test_times_are_those_of_the_records(tmp_path: Path, sound: list[ServedRecord]) -> None:
    served = read_served(written(tmp_path, iter(sound)), NOW)
    names = ("arrival", "dispatched", "first_token", "last_token", "finished")
    told = [
        RequestRecord(*(one.arrival,), **{n: getattr(one, n) for n in names[1:]}) for one in sound
    ]
    assert served.queue_wait == pytest.approx([one.queue_wait for one in told])
    assert served.ttft == pytest.approx([one.ttft for one in told])
    assert served.e2e == pytest.approx([one.e2e for one in told])
    assert served.queue_wait + served.prefill + served.decode == pytest.approx(served.e2e)


def test_records_that_cannot_be_true_are_left_out_and_counted(
    tmp_path: Path, sound: list[ServedRecord]
) -> None:
    first = sound[0]
    broken = [
        replace(first, finished=first.arrival - 1),
        replace(first, finished=float("nan")),  # becomes null: left out where it is read
        replace(first, output_tokens=0),
        replace(first, prompt_tokens=-5),
        replace(first, sequences=0),
        replace(first, sequences=10**7),  # no gateway lets it through
        replace(first, output_tokens=10**12),
        replace(first, prompt_tokens=10**12),
        moved(first, -1.6e9),  # a clock that was not set yet
        moved(first, 10 * 365 * DAY_S),
    ]
    served = read_served(written(tmp_path, iter(broken + sound)), NOW)
    assert len(served) == len(sound)
    assert served.broken == len(broken) - 1


def test_a_time_that_is_out_of_order_is_unknown(tmp_path: Path, sound: list[ServedRecord]) -> None:
    late = replace(sound[0], first_token=sound[0].finished + 5)
    served = read_served(written(tmp_path, iter([late, *sound])), NOW)
    assert np.isnan(served.time("first_token")[0])
    assert not np.isnan(served.e2e[0])


def test_a_clock_that_goes_back_is_told_and_steadied(
    tmp_path: Path, sound: list[ServedRecord]
) -> None:
    later = [moved(one, -3600) for one in sound]
    served = read_served(written(tmp_path, iter(sound + later)), NOW)
    assert served.jumps == 1
    before = max(one.arrival for one in later)
    assert within(served, before + 1, np.inf).jumps == 0
    assert within(served, -np.inf, before).jumps == 0
    steady = served.time("finished") + served.shift
    assert (np.diff(steady) >= 0).all()
    assert served.e2e[: len(sound)] == pytest.approx(served.e2e[len(sound) :])


def test_columns_of_an_older_version_are_unknown(tmp_path: Path, sound: list[ServedRecord]) -> None:
    pq_of(written(tmp_path, iter(sound)), without=("streamed", "images", "key", "mode", "turns"))
    served = read_served(tmp_path, NOW)
    found = traffic_of(served)
    kinds = {row["name"]: row for row in found["kinds"]}
    assert kinds["streamed"]["requests"] == 0
    assert kinds["streamed"]["unknown"] == kinds["reasoning"]["unknown"] == len(sound)
    assert kinds["several answers"]["unknown"] == 0
    assert [row["name"] for row in found["tenants"]] == ["(none)"]


def pq_of(folder: Path, without: tuple[str, ...]) -> None:
    """Make the log's only segment one that lacks some columns."""
    from predictor.served_log.segments import finish

    (lines,) = folder.glob("*.jsonl")
    path, _ = finish(lines)
    pq.write_table(pq.read_table(path).drop_columns(list(without)), path)


def test_traffic_adds_up(tmp_path: Path, sound: list[ServedRecord]) -> None:
    cut = replace(sound[0], finish_reason="aborted", censored=True)
    found = traffic_of(read_served(written(tmp_path, iter([*sound, cut])), NOW))
    assert found["requests"] == sum(found["bars"]["requests"]) == 61
    assert found["whole"] == 60
    tokens = sum(one.output_tokens for one in (*sound, cut))
    for part in ("lengths", "models", "tenants", "outcomes", "workers", "endpoints"):
        assert sum(row["output_tokens"] for row in found[part]) == tokens
        assert sum(row["requests"] for row in found[part]) == 61
    assert {row["name"] for row in found["tenants"]} == {"alice", "bob", "nightly"}
    assert found["outcomes"][-1]["name"] == "aborted"


def test_many_names_become_one_row_of_others(tmp_path: Path, sound: list[ServedRecord]) -> None:
    named = (replace(one, key=f"key-{at}") for at, one in enumerate(sound))
    rows = traffic_of(read_served(written(tmp_path, named), NOW))["tenants"]
    assert rows[-1]["name"] == "(48 others)"
    assert rows[-1]["requests"] == 48


def test_a_name_of_a_million_letters_takes_no_room_in_other_rows(
    tmp_path: Path, sound: list[ServedRecord]
) -> None:
    long = replace(sound[0], model="m" * 10**6, key="k" * 10**6, worker="w" * 10**6)
    served = read_served(written(tmp_path, iter([*sound, long])), NOW)
    tracemalloc.start()
    workers = workers_of(served, (), Limits(), ENGINE_QUEUE)
    found = traffic_of(served)
    part = stretches(served, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert {worker.limits.id for worker in workers} == {WORKER, "w" * 200}
    assert "k" * 200 in {row["name"] for row in found["tenants"]}
    assert {one.begun.model for one in part.window.seen} == {"m", "m" * 200}


def test_a_log_over_years_has_few_bars(tmp_path: Path, sound: list[ServedRecord]) -> None:
    apart = (moved(one, at * 30 * DAY_S) for at, one in enumerate(sound))
    bars = traffic_of(read_served(written(tmp_path, apart), NOW + 60 * 31 * DAY_S))["bars"]
    assert len(bars["requests"]) < 60
    assert sum(bars["requests"]) == 60


def test_latency_is_of_whole_answers_by_class(tmp_path: Path, sound: list[ServedRecord]) -> None:
    whole = replace(sound[0], first_token=None, last_token=None)
    cut = replace(sound[1], finish_reason="aborted")
    served = read_served(written(tmp_path, iter([*sound, whole, cut])), NOW)
    rows = {row["name"]: row for row in latency(served)["classes"]}
    assert rows["all"]["requests"] == rows["all"]["e2e"]["requests"] == 61
    assert rows["all"]["prefill"]["requests"] == 60
    assert sum(row["requests"] for name, row in rows.items() if name != "all") == 61
    stack = rows["all"]["stack"]
    assert stack["queue"] + stack["prefill"] + stack["decode"] == pytest.approx(stack["e2e"])


@pytest.mark.parametrize(
    ("last", "since", "until", "bounds"),
    [
        (None, None, None, (1e9 - DAY_S, 1e9)),
        ("90m", None, None, (1e9 - 5400, 1e9)),
        ("all", None, None, (-np.inf, np.inf)),
        (None, "7d", None, (2e9 - 7 * DAY_S, np.inf)),
        (None, "2026-11-30", "2026-11-30T08:00+01:00", (1795996800.0, 1796022000.0)),
    ],
)
def test_the_period_is_what_the_flags_say(
    last: str | None, since: str | None, until: str | None, bounds: tuple[float, float]
) -> None:
    assert period_of(last, since, until, now=2e9).bounds(1e9) == bounds


@pytest.mark.parametrize(
    ("last", "since", "until", "words"),
    [
        ("0h", None, None, "--last 0h: is no span"),
        ("soon", None, None, "--last soon: is no span"),
        (None, "yesterday", None, "--since yesterday: is no time"),
        ("24h", "7d", None, "exclude each other"),
        (None, "1d", "2d", "swap them"),
    ],
)
def test_a_wrong_period_is_refused(
    last: str | None, since: str | None, until: str | None, words: str
) -> None:
    with pytest.raises(ReportError, match=words):
        period_of(last, since, until, now=2e9)


def test_too_little_is_refused(tmp_path: Path, sound: list[ServedRecord]) -> None:
    served = read_served(written(tmp_path / "log", iter(sound)), NOW)
    with pytest.raises(ReportError, match="0 of its 60 requests"):
        within(served, 0.0, 1.0)
    with pytest.raises(ReportError, match="without a record"):
        read_served(written(tmp_path / "empty"), NOW)
    with pytest.raises(LogError, match="not a served log"):
        read_served(tmp_path / "nowhere", NOW)
