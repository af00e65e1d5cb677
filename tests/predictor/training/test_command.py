"""`lengthwise train`: errors, licensed data, held-out prompts."""

import argparse
import json
from pathlib import Path

import pytest

from predictor.training.command import add_train_arguments, run_train
from tests.predictor.small_castillo import FREE, write_data


def train(*args: str | int | Path) -> int:
    parser = argparse.ArgumentParser()
    add_train_arguments(parser)
    return run_train(parser.parse_args([str(arg) for arg in args]))


def test_training_on_a_folder_without_data_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", tmp_path, "--out", tmp_path / "out") == 2
    assert "--data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", [["--encoder"], ["--encoder-base", "bert"]])
def test_an_encoder_is_either_trained_or_taken_from_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: list[str]
) -> None:
    out = tmp_path / "out"
    given = ("--data", tmp_path, "--out", out, "--encoder-from", tmp_path)
    assert train(*given, *other) == 2
    assert "--encoder-from replaces --encoder" in capsys.readouterr().err
    assert not out.exists()


def test_a_model_without_an_encoder_gives_none(
    small_data: Path, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert train("--data", small_data, "--out", out, "--encoder-from", small_model) == 2
    assert f"{small_model} has no encoder" in capsys.readouterr().err
    assert not out.exists()


def test_licensed_training_uses_only_free_data_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_data(data, prompts=240, samples=3)
    out = tmp_path / "out"
    assert train("--data", data, "--out", out, "--holdout", 40, "--licensed-only") == 0
    captured = capsys.readouterr()
    assert "cross-fit 5 of 5" in captured.err
    assert set(json.loads(captured.out)) >= {"tau", "mae", "crps", "crps_skill", "coverage"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["corpora"] == ["DollyDataset", "Mbpp"]
    assert sorted(manifest["models"]) == sorted(FREE)
    assert manifest["training_samples"] == 120 * len(FREE) * 3  # after the refit on all prompts
    assert manifest["metrics"]["google/gemma-3-4b-it"]["route"] == "generic"
    assert set(manifest["metrics_in_scope"]) == {"mean", *FREE}
    card = (out / "README.md").read_text()
    assert "| DollyDataset of CASTILLO | CC-BY-SA-3.0 |" in card
    assert "Where prompts are CC-BY-SA" in card
    assert "ShareGPT of CASTILLO" not in card


def test_held_out_prompts_are_trained_on_after_measuring_unless_no_refit_is_given(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_data(data, prompts=120, samples=2)
    out = tmp_path / "out"
    assert train("--data", data, "--out", out, "--holdout", 20) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["held_out_in_training"]
    assert manifest["training_prompts"] == 120
    assert "with the held-out ones" in (out / "README.md").read_text()
    assert train("--data", data, "--out", out, "--no-refit", "--holdout", "0.25") == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert not manifest["held_out_in_training"]
    assert manifest["held_out"]["prompts"] == 15
    assert manifest["training_prompts"] == 105
