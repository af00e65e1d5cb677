"""``lengthwise evaluate --log``: where the forecasts of a served log failed."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictor.evaluation.command import add_evaluate_arguments, run_evaluate
from predictor.evaluation.served import advice, scores_by_kind, served_answers
from predictor.raw_forecast import QUANTILES
from predictor.served_log import ServedLog, ServedRecord, read
from scheduler.length import LengthDistribution


def evaluate(*args: object) -> int:
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    return run_evaluate(parser.parse_args([str(arg) for arg in args]))


KIND: dict[str, Any] = {"mode": "plain", "script": "latin", "tools": 0, "json": False}
NORMAL = np.random.default_rng(0).normal(size=999)


def records(count: int, factor: float, **more: Any) -> Iterator[ServedRecord]:
    """Answers ``factor`` times as long as forecast, with the spread that is forecast."""
    rng = np.random.default_rng(1)
    fields: dict[str, Any] = {"model": "m", "censored": False, **KIND, **more}
    for at in range(count):
        median = float(rng.choice([50.0, 200.0, 800.0]))
        forecast = LengthDistribution.from_samples(median * np.exp(0.4 * NORMAL))
        yield ServedRecord(
            id=f"{more.get('mode')}-{at}",
            arrival=at,
            finished=at + 0.5,
            endpoint="/v1/chat/completions",
            prompt_tokens=9,
            output_tokens=max(1, round(factor * median * float(np.exp(0.4 * rng.normal())))),
            finish_reason="stop",
            tier="fast",
            predicted_quantiles=tuple(forecast.quantile(level) for level in QUANTILES),
            **fields,
        )


def written(folder: Path, *parts: Iterator[ServedRecord]) -> Path:
    log = ServedLog(folder)
    for part in parts:
        for record in part:
            log.append(record)
    log.close()
    return folder


def test_the_kind_whose_forecasts_fail_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thinking = {"mode": "thinking high", "tools": 2, "json": True, "script": "han"}
    written(tmp_path, records(300, 1.0), records(100, 4.0, **thinking))
    assert evaluate("--log", tmp_path) == 0
    printed = capsys.readouterr().out
    kinds = {one.kind: one for one in scores_by_kind(served_answers(read(tmp_path)))}
    for bad in ("mode: thinking high", "tools: offered", "json: demanded", "script: han"):
        assert kinds[bad].answers == 100
        assert kinds[bad].coverage < 0.2
        assert kinds[bad].factor == pytest.approx(4, rel=0.15)
        assert bad in printed
    plain = kinds["mode: plain"]
    assert plain.coverage == pytest.approx(0.8, abs=0.06)
    assert plain.factor == pytest.approx(1, abs=0.1)
    assert plain.tau > 0.5
    told = advice(list(kinds.values()))
    assert len(told) == 3
    assert all("times as long as forecast" in line for line in told)
    assert told[0] in printed


def test_forecasts_that_hold_need_no_advice(tmp_path: Path) -> None:
    written(tmp_path, records(300, 1.0))
    kinds = list(scores_by_kind(served_answers(read(tmp_path))))
    assert advice(kinds) == ["No kind is far off."]
    assert {one.kind for one in kinds} >= {"all", "forecast: up to 100"}


def test_cut_answers_do_not_count_and_an_old_log_has_unknown_kinds(tmp_path: Path) -> None:
    nothing = dict.fromkeys(KIND)
    old, cut = records(60, 1.0, **nothing), records(60, 1.0, censored=True)
    answers = served_answers(read(written(tmp_path, old, cut)))
    assert len(answers.came) == 60
    assert set(answers.kinds["mode"]) == set(answers.kinds["tools"]) == {"unknown"}


def test_data_and_log_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate() == evaluate("--log", tmp_path, "--data", tmp_path) == 2
    assert capsys.readouterr().err.count("either --data") == 2
    assert evaluate("--log", tmp_path / "nowhere") == 2


def test_the_intervals_and_the_skill_are_those_of_the_forecasts(tmp_path: Path) -> None:
    written(tmp_path, records(2000, 1.0))
    one = next(scores_by_kind(served_answers(read(tmp_path))))
    assert one.kind == "all"
    shares = (one.coverage50, one.coverage, one.coverage90, one.below95)
    assert shares == pytest.approx((0.5, 0.8, 0.9, 0.95), abs=0.03)
    # Three medians a factor of four apart, and the spread that is forecast around each.
    assert 0.5 < one.skill < 0.8


def test_a_broken_forecast_does_not_count(tmp_path: Path) -> None:
    short = replace(next(records(1, 1.0)), predicted_quantiles=(1.0, 2.0))
    holes = replace(next(records(1, 1.0)), predicted_quantiles=(None,) * 19)  # type: ignore[arg-type]
    written(tmp_path, records(40, 1.0), iter([short, holes]))
    assert len(served_answers(read(tmp_path)).came) == 40
