"""``lengthwise report``: its files, output, errors and exit codes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.command_line.run import run
from gateway.report.errors import ReportError
from gateway.report.outcomes import outcomes
from gateway.report.page import text
from tests.gateway.replay.traffic import traffic
from tests.gateway.report.logs import BEGUN, records, written


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = written(tmp_path_factory.mktemp("log"), records(traffic(count=120)))
    with next(folder.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"id": "torn\n[]\nnonsense\n')
    return folder


def report(log: Path, *flags: object) -> int:
    return run(["report", "--log", str(log), *map(str, flags)])


def test_the_page_is_written_and_the_figures_are_printed(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert report(log, "--last", "all", "--out", out, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["traffic"]["requests"] == 120
    assert set(facts) == {"about", "traffic", "latency", "forecasts", "saved", "settings"}
    page = out.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "120 requests with" in page


def test_the_policy_is_that_of_the_environment_or_the_file_and_the_page_says_so(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, config = tmp_path / "report.html", tmp_path / "lengthwise.yaml"

    def told(*flags: object) -> tuple[str, str]:
        assert report(log, "--last", "all", "--json", "--out", out, *flags) == 0
        saved = json.loads(capsys.readouterr().out)["saved"]
        assert f"The policy is taken to be {saved['policy']} (" in out.read_text("utf-8")
        assert f", from {saved['policy_from']}. If" in out.read_text("utf-8")
        return saved["policy"], saved["policy_from"]

    policy, source = told()
    assert (policy, source.split(",")[0]) == ("sejf", "the default")
    config.write_text("scheduling:\n  policy: sept\n")
    assert told("--config", config) == ("sept", "--config")
    monkeypatch.setenv("LENGTHWISE_SCHEDULING_POLICY", "fcfs")
    assert told() == ("fcfs", "environment variable LENGTHWISE_SCHEDULING_POLICY")


def test_a_period_counts_its_own_requests(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(log, "--since", "2023-11-14", "--until", "2023-11-15", "--json") == 0
    assert json.loads(capsys.readouterr().out)["traffic"]["requests"] == 120
    assert report(log, "--last", "0.1m", "--json") == 2
    assert "too few for a report" in capsys.readouterr().err
    assert report(log, "--since", "2024-01-01", "--json") == 2
    assert "has 0 of its 120 requests" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "--out FILE"),
        (("--json", "--config", "nowhere.yaml"), "nowhere.yaml"),
        (("--json", "--cost-model", "nowhere.json"), "nowhere.json"),
        (("--json", "--access-log", "nowhere.log"), "--access-log nowhere.log"),
        (("--json", "--most-replayed", "3"), "--most-replayed 3: give at least 500"),
        (("--out", "nowhere/report.html"), "nowhere"),
    ],
)
def test_what_cannot_be_used_is_named(
    log: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], words: str
) -> None:
    assert report(log, "--last", "all", *flags) == 2
    assert words in capsys.readouterr().err


def test_a_configuration_that_is_filled_in_elsewhere_has_a_remedy(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "lengthwise.yaml"
    config.write_text("workers:\n  - url: http://gpu:8000\n    api_key: ${GPU_KEY}\n")
    assert report(log, "--last", "all", "--json", "--config", config) == 2
    said = capsys.readouterr().err
    assert "lengthwise.yaml:3: workers.0.api_key: holds ${GPU_KEY}" in said
    assert "envsubst" in said
    assert "comes about without --config" in said


def test_an_empty_or_missing_log_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(tmp_path / "nowhere", "--json") == 2
    assert "is not a served log" in capsys.readouterr().err
    assert report(written(tmp_path / "empty"), "--json") == 2
    assert "without a record" in capsys.readouterr().err


def test_requests_without_an_answer_are_counted_from_the_access_log(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    access = tmp_path / "access.log"
    rows = [{"received": BEGUN + 9, "outcome": "ok"}] * 3
    rows += [{"received": BEGUN + 9, "outcome": "queue_full"}, {"received": 0, "outcome": "ok"}]
    access.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + "human readable\n")
    config = tmp_path / "lengthwise.yaml"
    config.write_text(f"log: {{access: json, access_file: {access}}}\n")
    assert report(log, "--last", "all", "--config", config, "--json") == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == {
        "requests": 4,
        "outcomes": [{"name": "ok", "requests": 3}, {"name": "queue_full", "requests": 1}],
        "bad_lines": 1,
        "first": BEGUN + 9,
        "last": BEGUN + 9,
    }
    access.write_text("human\nreadable\n")
    with pytest.raises(ReportError, match="no line is a record"):
        outcomes(access, 0, 1e10)


def test_a_line_with_a_number_beyond_all_bounds_is_no_record(tmp_path: Path) -> None:
    access = tmp_path / "access.log"
    numbers = ("9" * 400, "1e999", "NaN", "5.0")
    access.write_text("".join(f'{{"received": {n}, "outcome": "ok"}}\n' for n in numbers))
    found = outcomes(access, 0, 1e10)
    assert (found["requests"], found["bad_lines"]) == (1, 3)


@pytest.mark.parametrize(
    ("flags", "counted"),
    [
        (("--last", "all"), {"before", "during", "after"}),
        (("--last", "20h"), {"during", "after"}),
        (("--since", "2023-11-14", "--until", "2023-11-16"), {"before", "during"}),
        (("--since", "2023-11-14T22:00"), {"during", "after"}),
    ],
)
def test_refusals_of_the_period_count_also_where_nothing_was_served(
    log: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    counted: set[str],
) -> None:
    access = tmp_path / "access.log"
    times = {"before": BEGUN - 79_000, "during": BEGUN + 9, "after": BEGUN + 500_000}
    times |= {"unset": 99.0, "future": 1e12}
    rows = [{"received": at, "outcome": name} for name, at in times.items()]
    access.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    out = tmp_path / "report.html"
    assert report(log, "--json", "--out", out, "--access-log", access, *flags) == 0
    found = json.loads(capsys.readouterr().out)["outcomes"]
    assert {row["name"] for row in found["outcomes"]} == counted
    assert found["first"] == min(times[name] for name in counted)
    assert found["last"] == max(times[name] for name in counted)
    assert f"(received {text.moment(found['first'])} to" in out.read_text("utf-8")


def test_damage_to_the_log_is_on_the_page(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(log, tmp_path / "log"))
    (folder / "served-000000000000.parquet").write_bytes(b"no parquet")
    out = tmp_path / "report.html"
    assert report(folder, "--last", "all", "--json", "--out", out) == 0
    about = json.loads(capsys.readouterr().out)["about"]
    assert (about["lost_files"], about["lost_lines"]) == (1, 3)
    assert "1 files cannot be read, and 3 lines are no records" in out.read_text("utf-8")


def test_forecasts_that_cannot_be_true_are_counted_and_not_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = list(records(traffic(count=120)))
    whole = sound[0].predicted_quantiles
    assert whole is not None
    broken: list[dict[str, Any]] = [
        {"predicted_quantiles": (1.0, 2.0)},
        {"predicted_quantiles": (-5.0, *whole[1:])},
        {"predicted_quantiles": tuple(1e308 for _ in whole)},
        {"predicted_quantiles": tuple(range(len(whole), 0, -1))},
        {"predicted_mean": -1.0},
        {"predicted_mean": 1e308},
    ]
    bent = [replace(one, **fields) for one, fields in zip(sound, broken, strict=False)]
    folder = written(tmp_path / "log", iter(bent + sound[len(bent) :]))
    out = tmp_path / "report.html"
    assert report(folder, "--last", "all", "--json", "--out", out) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["forecasts"]["answers"], facts["forecasts"]["untrue"]) == (114, 6)
    assert facts["saved"]["measured"] == 120
    assert "6 requests have a recorded forecast that cannot be true" in out.read_text("utf-8")


def test_a_log_whose_forecasts_are_missing_has_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = (
        replace(one, predicted_mean=None, predicted_quantiles=None)
        for one in records(traffic(count=120))
    )
    assert report(written(tmp_path / "log", without), "--last", "all", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["forecasts"] == {"answers": 0, "untrue": 0, "kinds": []}
    assert facts["saved"]["measured"] == 120
