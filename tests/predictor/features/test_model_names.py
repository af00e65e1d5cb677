"""What a model's name tells."""

import numpy as np
import pytest

from predictor.fast.inputs import GENERIC, KNOWN, RELATED, TrainedModels
from predictor.features.model_names import canonical, traits

TRAINED = ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-32B-Instruct", "google/gemma-3-4b-it"]


@pytest.mark.parametrize(
    ("name", "family", "billions", "version"),
    [
        ("Qwen/Qwen2.5-7B-Instruct-1M", "qwen", 7, 2.5),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral", 56, None),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama", 70, 3.3),
        ("microsoft/Phi-4-mini-instruct", "phi", None, 4.0),
        ("my-alias", "", None, None),
        ("", "", None, None),
    ],
)
def test_family_size_and_version_are_read_from_the_name(
    name: str, family: str, billions: float | None, version: float | None
) -> None:
    read = traits(name)
    size = None if np.isnan(read.size) else round(10**read.size, 6)
    assert (read.family, size) == (family, billions)
    assert (None if np.isnan(read.version) else read.version) == version


@pytest.mark.parametrize(
    "name", ["Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2.5-7b-instruct", "/models/Qwen2.5-7B-Instruct/"]
)
def test_a_copy_of_a_model_has_its_canonical_name(name: str) -> None:
    assert canonical(name) == canonical(TRAINED[0])


def test_an_unseen_model_stands_nearest_to_its_relatives_of_like_size() -> None:
    models = TrainedModels(TRAINED, np.zeros(3))
    assert models.match("Qwen2.5-7B-Instruct-GPTQ-Int4").route == KNOWN
    match = models.match("Qwen/Qwen3-8B")
    assert match.route == RELATED
    assert match.weights[0] > match.weights[1] > match.weights[2] == 0
    assert models.match("my-alias").route == GENERIC


def test_a_hidden_model_without_relatives_is_generic() -> None:
    models = TrainedModels(TRAINED, np.zeros(3))
    assert models.match_unseen(0).weights.tolist() == [0, 1, 0]
    assert models.match_unseen(0, hidden=[1]).route == GENERIC
    assert models.match_unseen(2).route == GENERIC
