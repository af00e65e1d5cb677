"""`lengthwise evaluate`: the tables, the page, and what they are measured on."""

import argparse
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from predictor import LengthPredictor
from predictor.data import castillo, splits
from predictor.data.records import DataError
from predictor.evaluation import plots
from predictor.evaluation.command import add_evaluate_arguments, run_evaluate
from predictor.evaluation.held_out import split
from predictor.evaluation.page import page
from predictor.evaluation.study import CORPUS, FORECAST, MODEL, Evaluation, study
from predictor.evaluation.table import EXPLANATIONS, Table, tables
from tests.predictor.small_castillo import BOUND, FREE

PLOTS = {"reliability.png", "predicted.png", "skill.png", "tau.png"}
NAMES = {*FREE, *BOUND}


def evaluate(*args: object) -> int:
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    return run_evaluate(parser.parse_args([str(arg) for arg in args]))


@pytest.fixture(scope="session")
def measured(small_data: Path, small_predictor: LengthPredictor) -> Evaluation:
    records = castillo.read_castillo(small_data)
    return study(small_predictor, split(records, small_predictor.manifest, "held-out"))


def test_the_tables_have_every_model_and_corpus(
    small_data: Path, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--model-dir", small_model, "--data", small_data) == 0
    captured = capsys.readouterr()
    for name in ("mean over models", *NAMES, "Alpaca", "DollyDataset", "Mbpp", "ShareGPT"):
        assert len(re.findall(rf"^\| {re.escape(name)} +\|", captured.out, re.MULTILINE)) == 2
    widths = {len(line) for line in captured.out.split("\n\n")[1].splitlines()}
    assert len(widths) == 1  # aligned
    assert captured.err == ""


def test_only_prompts_held_out_by_the_manifest_are_measured_on(
    small_data: Path, small_predictor: LengthPredictor, measured: Evaluation
) -> None:
    records = castillo.read_castillo(small_data)
    threshold = small_predictor.manifest["held_out"]["threshold"]
    count = int(splits.held_out(records, threshold).sum())
    assert count == 60
    assert {len(made) for made in measured.forecasts} == {count}
    parts = split(records, small_predictor.manifest, "held-out")
    assert not set(parts.measured.texts) & set(parts.training.texts)
    assert parts.warning == ""


def test_the_forecast_beats_the_baselines_where_lengths_follow_from_the_prompt(
    measured: Evaluation,
) -> None:
    assert set(measured.models) == NAMES
    mean = measured.mean
    assert mean[FORECAST]["crps"] < mean[CORPUS]["crps"] < mean[MODEL]["crps"]
    assert mean[FORECAST]["mae"] < mean[CORPUS]["mae"] < mean[MODEL]["mae"]
    assert mean[CORPUS]["tau"] < mean[FORECAST]["tau"] <= mean[FORECAST]["ceiling"] + 0.05
    assert np.isnan(mean[MODEL]["tau"])
    assert abs(mean[MODEL]["crps_skill"]) < 0.1


def test_measuring_on_all_prompts_warns_of_those_trained_on(
    small_data: Path, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--model-dir", small_model, "--data", small_data, "--split", "all") == 0
    captured = capsys.readouterr()
    assert "WARNING: 260 of 320 prompts may have been TRAINED ON" in captured.err


def test_a_model_fitted_again_on_its_held_out_prompts_gets_a_warning(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    manifest = {
        "held_out": {"threshold": splits.holdout_threshold(records, 40)},
        "held_out_in_training": True,
    }
    assert split(records, manifest, "held-out").warning.startswith("40 of 40 prompts may have")


def test_a_model_that_held_nothing_out_is_refused(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    with pytest.raises(DataError, match=r"0 of 320 prompts were held out .* --split all"):
        split(records, {"held_out": {"threshold": ""}}, "held-out")


def test_the_test_split_can_be_measured_on(
    small_data: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", small_data, "--model-dir", small_model, "--split", "test") == 2
    assert "has no test split" in capsys.readouterr().err
    lengths = pq.read_table(small_data / "lengths_castillo.parquet").to_pylist()
    prompts = pq.read_table(small_data / "prompts_castillo.parquet").to_pylist()
    texts = {row["prompt_id"]: row["prompt"] for row in prompts}
    rows = [
        {
            "sample_id": "s",
            "prompt_id": row["prompt_id"],
            "model": row["model"].replace("/", "--"),
            "dataset": "Mbpp",
            "prompt_text": texts[row["prompt_id"]],
            "output_sizes": [row["response_tokens"]],
        }
        for row in lengths[:400]
    ]
    (tmp_path / "castillo_test.json").write_text(json.dumps(rows))
    assert evaluate("--data", tmp_path, "--model-dir", small_model, "--split", "test") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert re.search(r"\| mean over models +\| +\| +20 \|", captured.out)


class Page(HTMLParser):
    """Sources of images and links, and all texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words = ""
        self.cells: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words += data
        self.cells.add(data)


def test_the_page_needs_no_other_file_and_no_network(
    small_data: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert evaluate("--model-dir", small_model, "--data", small_data, "--out", out) == 0
    assert capsys.readouterr().out.endswith(f"{out / 'index.html'}\n")
    assert {file.name for file in out.iterdir()} == {*PLOTS, "index.html", "metrics.json"}
    for name in PLOTS:
        data = (out / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 10_000
    text = (out / "index.html").read_text()
    shown = Page(text)
    assert len(shown.sources) == len(PLOTS)
    assert all(source.startswith("data:image/png;base64,") for source in shown.sources)
    assert shown.cells >= NAMES
    assert "Warning" not in shown.words
    records = castillo.read_castillo(small_data)
    assert not any(prompt in text for prompt in records.texts)
    figures = json.loads((out / "metrics.json").read_text())
    assert set(figures["models"]) == NAMES
    assert figures["mean"][MODEL]["tau"] is None
    assert set(figures["kinds"]) == {"CASTILLO"}
    assert 0 < figures["mean"][FORECAST]["coverage95"] <= 1


def test_without_matplotlib_the_tables_remain(
    small_data: Path,
    small_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    args = ("--model-dir", small_model, "--data", small_data)
    assert evaluate(*args) == 0
    assert "By model" in capsys.readouterr().out
    assert evaluate(*args, "--out", tmp_path / "report") == 2
    assert "pip install '.[plots]', or leave out --out" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_one_sample_per_prompt_is_enough(
    small_data: Path, small_predictor: LengthPredictor
) -> None:
    records = castillo.read_castillo(small_data)
    parts = split(records, small_predictor.manifest, "held-out")
    rows = np.arange(len(parts.measured.tokens)) % 5 == 0  # samples of a cell follow each other
    one = parts.measured.of_samples(rows)
    found = study(small_predictor, split(one, small_predictor.manifest, "held-out"))
    assert np.isnan(found.mean[FORECAST]["ceiling"])
    assert found.mean[FORECAST]["tau"] > 0.5
    assert tables(found)[1].rows[0][4] == "-"
    assert set(plots.draw(found)) == PLOTS


def test_every_column_of_the_tables_is_explained(measured: Evaluation) -> None:
    terms = {part for term, _ in EXPLANATIONS for part in term.split(", ")}
    columns = {
        part for table in tables(measured) for name in table.columns for part in name.split(", ")
    }
    assert columns <= terms


def test_names_cannot_break_the_page() -> None:
    bad = "<script>alert('x')</script>"
    text = page([("Model", bad)], bad, [Table(bad, ("a", bad), [(bad, bad)])], {})
    assert "<script>" not in text


def test_a_foreign_model_or_tier_is_refused(
    small_data: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--model-dir", tmp_path, "--data", small_data) == 2
    assert "manifest.json cannot be read" in capsys.readouterr().err
    args = ("--model-dir", small_model, "--data", small_data, "--tier", "refined")
    assert evaluate(*args) == 2
    assert "lengthwise: " in capsys.readouterr().err


def test_a_published_model_measures_as_its_manifest_says(
    small_predictor: LengthPredictor, measured: Evaluation
) -> None:
    said = small_predictor.manifest["metrics"]["mean"]
    assert measured.mean[FORECAST]["crps"] == pytest.approx(said["crps"], rel=0.01)
    assert measured.mean[FORECAST]["coverage"] == pytest.approx(said["coverage"], abs=0.01)
