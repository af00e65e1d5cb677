"""The table: means over the seeds by load and policy, and labels that name every setting."""

from __future__ import annotations

from gateway.simulate.study import ReportRow
from gateway.simulate.table import COLUMNS, align, by_load, label, summary


def row(load: float, requested: str, mean_e2e: float, **fields: object) -> ReportRow:
    settings = {"policy": "sejf", "ageing": 0.12, "level": 0.85, "kv_overflow": 0.05}
    statistics = {column: 0.0 for _, column, _ in COLUMNS}
    statistics["mean_e2e"] = mean_e2e
    return {**settings, **statistics, "load": load, "asked_load": requested, **fields}


def test_a_line_holds_the_mean_over_the_seeds() -> None:
    lines = summary([row(1.0, "1", 2.0), row(1.0, "1", 4.0), row(0.5, "0.5", 1.0)]).splitlines()
    assert [line.split()[0] for line in lines] == ["load", "0.50", "1.00"]
    assert "3.00" in lines[2].split()


def test_the_load_of_a_trace_is_the_mean_over_the_seeds() -> None:
    assert [*by_load([row(0.8, "own", 1.0), row(1.0, "own", 1.0)])] == [0.9]


def test_a_label_names_the_ageing_rate_and_every_setting_that_is_not_the_default() -> None:
    assert label(row(1.0, "1", 1.0)) == "sejf, 0.12"
    assert label(row(1.0, "1", 1.0, level=0.5)) == "sejf, 0.12, level 0.5"
    assert label(row(1.0, "1", 1.0, kv_overflow=0.3)) == "sejf, 0.12, kv_overflow 0.3"
    stock = {"policy": "stock", "ageing": None, "level": None, "kv_overflow": None}
    assert label(row(1.0, "1", 1.0, **stock)) == "stock"


def test_the_policy_is_aligned_to_the_left_and_numbers_to_the_right() -> None:
    assert align([["a", "name", "1"], ["bb", "n", "22"]]) == " a  name   1\nbb  n     22"
