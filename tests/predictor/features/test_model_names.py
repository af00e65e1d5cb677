"""Family, size, version and canonical form of a model's name."""

import numpy as np
import pytest

from predictor.features.model_names import canonical, traits


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
    assert canonical(name) == "qwen2.5-7b-instruct"
