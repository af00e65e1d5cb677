"""Prompts that other models answered teach what a prompt does to length."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from predictor import LengthPredictor, Prompt
from predictor.data import other_models
from predictor.data.records import DataError
from predictor.training.train import train
from tests.predictor.small_castillo import FREE, write_data

CUT = 300


def write_others(folder: Path) -> None:
    """Greetings that get ten tokens and requests for programs that get 400, cut at ``CUT``."""
    rng = np.random.default_rng(0)
    kinds = (("Good morning, friend number {at}!", 10.0), ("Please code game {at} for me", 400.0))
    texts = [kinds[at % 2][0].format(at=at) for at in range(80)]
    pq.write_table(
        pa.table(
            {
                "prompt_id": [f"p{at}" for at in range(80)],
                "dataset": ["oasst"] * 80,
                "prompt": texts,
            }
        ),
        folder / "prompts_oasst_eval.parquet",
    )
    rows = [(at, model) for at in range(80) for model in ("a", "b", "c") for _ in range(3)]
    tokens = [kinds[at % 2][1] * np.exp(0.3 * rng.standard_normal()) for at, _ in rows]
    pq.write_table(
        pa.table(
            {
                "prompt_id": [f"p{at}" for at, _ in rows],
                "model": [model for _, model in rows],
                "response_tokens": [int(min(CUT, length)) for length in tokens],
                "maybe_capped": [length >= CUT for length in tokens],
                "empty": [False] * len(rows),
            }
        ),
        folder / "lengths_oasst_eval.parquet",
    )


def test_effects_of_censored_answers_exceed_the_cut(tmp_path: Path) -> None:
    write_others(tmp_path)
    (others,) = other_models.read(tmp_path, [])
    greeting = np.array(["morning" in text for text in others.texts])
    apart = others.effect[~greeting].mean() - others.effect[greeting].mean()
    assert apart == pytest.approx(np.log(400 / 10), abs=0.3)
    assert apart > np.log(CUT / 10)


def test_prompts_of_other_models_improve_forecasts_of_their_kind(tmp_path: Path) -> None:
    asked = [
        Prompt(FREE[0], f"{text} 500") for text in ("Good morning, friend", "Please code game")
    ]
    plain = tmp_path / "plain"
    plain.mkdir()
    write_data(plain, prompts=160, samples=2)
    gaps = []
    for name in ("without", "with"):
        if name == "with":
            write_others(plain)
        manifest = train([plain], tmp_path / name, holdout=20, refit=False)
        assert bool(manifest["auxiliary"]) == (name == "with")
        greeting, game = LengthPredictor.load(tmp_path / name).predict(asked)
        gaps.append(np.log(game.quantile(0.5) / greeting.quantile(0.5)))
    assert gaps[1] > gaps[0] + 0.3
    assert "OpenAssistant" in (tmp_path / "with" / "README.md").read_text()


def write_arena(folder: Path, name: str = "arenahard") -> None:
    prompts = {
        "prompt_id": ["p0", "p1", "p2", "p3"],
        "dataset": ["arena", "arena", "alpaca_eval", "arena"],
        "prompt": ["Write a poem", "Sort  a LIST", "Never read me", "Nobody answered"],
    }
    lengths = {
        "prompt_id": ["p0", "p0", "p1", "p1", "p2"],
        "model": ["a", "b", "a", "b", "a"],
        "response_tokens": [100, 200, 400, 800, 9],
    }
    pq.write_table(pa.table(prompts), folder / f"prompts_{name}.parquet")
    pq.write_table(pa.table(lengths), folder / f"lengths_{name}.parquet")


def test_prompts_of_non_commercial_data_sets_are_not_read(tmp_path: Path) -> None:
    write_arena(tmp_path)
    (found,) = other_models.read(tmp_path, [])
    assert found.texts == ["Write a poem", "Sort  a LIST", "Nobody answered"]
    assert found.effect[1] - found.effect[0] == pytest.approx(np.log(4))
    assert np.isnan(found.effect[2])


def test_held_out_prompts_are_left_out_of_other_models_data(tmp_path: Path) -> None:
    write_arena(tmp_path)
    (found,) = other_models.read(tmp_path, ["sort a list"])
    assert found.texts == ["Write a poem", "Nobody answered"]


def test_absent_data_sets_of_other_models_are_no_error(tmp_path: Path) -> None:
    assert other_models.read(tmp_path, []) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_arena(tmp_path)
    (tmp_path / "lengths_arenahard.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"lengths_arenahard\.parquet.*fetch"):
        other_models.read(tmp_path, [])


def test_effects_are_right_although_answers_are_censored() -> None:
    rng = np.random.default_rng(0)
    truth, levels = rng.normal(5.5, 0.7, 300), rng.normal(0, 0.3, 20)
    prompt, level = (part.ravel() for part in np.mgrid[:300, :20])
    whole = truth[prompt] + levels[level] + rng.normal(0, 0.3, len(prompt))
    limit = np.log(300.0)
    cut = whole > limit
    found = other_models.prompt_effects(prompt, level, np.minimum(whole, limit), cut, prompts=300)
    naive = other_models.prompt_effects(
        prompt, level, np.minimum(whole, limit), np.zeros_like(cut), prompts=300
    )

    def miss(of: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        return float(np.std(of - truth))

    assert cut.mean() > 0.25
    assert miss(found) < 0.4 * miss(naive)
