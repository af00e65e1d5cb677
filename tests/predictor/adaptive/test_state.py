"""The stored state of the adaptive layer: restored, or refused with the reason."""

from pathlib import Path

import numpy as np
import pytest

from predictor.adaptive import (
    AdaptiveLayer,
    AdaptiveSettings,
    StateError,
    load_state,
    save_state,
)
from predictor.adaptive.state import from_arrays, state_arrays
from tests.predictor.adaptive.builders import ask, teach


@pytest.fixture
def taught() -> AdaptiveLayer:
    adaptive = AdaptiveLayer()
    rng = np.random.default_rng(0)
    teach(adaptive, 150, rng, offset=0.7)
    teach(adaptive, 60, rng, offset=-0.4, model="n")
    for _ in range(3):
        adaptive.learn(ask(adaptive, "the same"), 700, censored=False)
    return adaptive


def test_a_restart_keeps_what_was_learned(taught: AdaptiveLayer, tmp_path: Path) -> None:
    save_state(taught, tmp_path / "state.npz")
    again = load_state(tmp_path / "state.npz")
    for text, model in (("new", "m"), ("new", "n"), ("the same", "m")):
        before, after = ask(taught, text, model=model), ask(again, text, model=model)
        assert after.location == pytest.approx(before.location, abs=0.02)
        assert after.scale == pytest.approx(before.scale, rel=0.05)
        assert after.length.mean == pytest.approx(before.length.mean, rel=0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_restored_layer_continues_to_learn(taught: AdaptiveLayer) -> None:
    again = from_arrays(state_arrays(taught))
    teach(again, 600, np.random.default_rng(1), offset=-0.7)
    assert ask(again, "new", 5.0).location == pytest.approx(4.3, abs=0.15)


def test_restarts_without_answers_change_nothing(taught: AdaptiveLayer) -> None:
    first = state_arrays(taught)
    again = taught
    for _ in range(4):
        again = from_arrays(state_arrays(again))
        assert ask(again, "new").length.mean == pytest.approx(
            ask(taught, "new").length.mean, rel=0.05
        )
    last = state_arrays(again)
    assert first.keys() == last.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, last[name], err_msg=name)


@pytest.mark.parametrize("line", ["whole", "lost"])
def test_a_state_without_a_shape_serves_and_learns(taught: AdaptiveLayer, line: str) -> None:
    stored = state_arrays(taught)
    stored["prior_0"] = np.zeros_like(stored["prior_0"])
    if line == "lost":
        stored["line_0"] = np.full_like(stored["line_0"], np.nan)
    again = from_arrays(state_arrays(from_arrays(stored)))
    if line == "whole":
        expected = ask(taught, "new").location
        assert ask(again, "new").location == pytest.approx(expected, abs=0.02)
    assert np.isfinite(ask(again, "new").length.mean)
    teach(again, 100, np.random.default_rng(1), offset=0.7)
    assert ask(again, "new", 5.0).location == pytest.approx(5.7, abs=0.2)


def test_smaller_settings_keep_the_latest(taught: AdaptiveLayer) -> None:
    again = from_arrays(state_arrays(taught), AdaptiveSettings(capacity=50, window=64, models=1))
    assert len(again.history.memory) == 50
    assert ask(again, "the same").from_history
    assert list(again.recent) == [("fast", "m")]


def test_the_state_holds_no_text(taught: AdaptiveLayer, tmp_path: Path) -> None:
    taught.learn(ask(taught, "a very private question"), 10, censored=False)
    assert not any(b"private" in array.tobytes() for array in state_arrays(taught).values())


@pytest.mark.parametrize("damage", ["absent", "truncated", "foreign", "version", "features"])
def test_a_state_that_does_not_fit_is_refused(
    taught: AdaptiveLayer, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "state.npz"
    stored = state_arrays(taught)
    if damage in ("version", "features"):
        text = str(stored["about"])
        old, new = {"version": ('"version": 2', '"version": 9'), "features": ("one", "two")}[damage]
        stored["about"] = np.array(text.replace(old, new))
    if damage == "foreign":
        stored = {"rows": np.zeros(3)}
    if damage != "absent":
        with path.open("wb") as file:
            np.savez(file, **stored)  # type: ignore[arg-type]
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StateError, match=r"state\.npz"):
        load_state(path)
