"""Family, size, version, generation, purpose and canonical form of a model's name."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from predictor.features.model_names import TRAIT_NAMES, canonical, traits


@pytest.mark.parametrize(
    ("name", "family", "billions", "version"),
    [
        ("Qwen/Qwen2.5-7B-Instruct-1M", "qwen", 7, 2.5),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral", 56, None),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama", 70, 3.3),
        ("microsoft/Phi-4-mini-instruct", "phi", 3.8, 4.0),
        ("llama3.1:8b", "llama", 8, 3.1),
        ("qwen3:32b-q4_K_M", "qwen", 32, 3.0),
        ("hf.co/unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M", "qwen", 30, 3.0),
        ("openai/gpt-oss-20b", "gpt", 20, None),
        ("deepseek-ai/DeepSeek-V3", "deepseek", 671, 3.0),
        ("DeepSeek-Coder-V2-Lite-Instruct", "deepseek", 16, 2.0),
        ("Mistral-Small-3.1-24B-Instruct-2503", "mistral", 24, 3.1),
        ("c4ai-command-r-v01", "command", 35, None),
        ("claude-3-5-sonnet-20241022", "claude", None, 3.5),
        ("gpt-4o-mini", "gpt", None, 4.0),
        ("o3-mini", "gpt", None, 3.0),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", "smollm", 0.36, 2.0),
        ("Llama-4-Maverick-17B-128E-Instruct", "llama", 400, 4.0),
        ("OpenAssistant/llama-30b-sft-v8", "llama", 30, None),
        ("in-house-qwen3-8b-tickets", "qwen", 8, 3.0),
        ("/models/llama", "llama", None, None),
        ("philosopher-7b", "", 7, None),
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
    ("usual", "others"),
    [
        (
            "Qwen/Qwen2.5-7B-Instruct",
            "Qwen/Qwen2.5-7B-Instruct-AWQ qwen2.5-7b-instruct /models/Qwen2.5-7B-Instruct/ "
            "qwen2.5:7b qwen/qwen-2.5-7b-instruct models--Qwen--Qwen2.5-7B-Instruct "
            "/runs/Qwen2.5-7B-Instruct/checkpoint-500 Qwen_Qwen2.5-7B-Instruct-Q6_K",
        ),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            "Meta-Llama-3.1-8B-Instruct llama3.1:8b llama3.1:8b-instruct-q8_0 llama3.1:8b-q4_K_M "
            "Meta-Llama-3.1-8B-Instruct-Turbo Llama-3.1-8B-Instruct-exl2-6.0bpw "
            "meta-llama__Meta-Llama-3.1-8B-Instruct Llama-3.1-8B-Instruct@provider",
        ),
        ("google/gemma-3-12b-it", "gemma3:12b google_gemma-3-12b-it gemma-3-12b-it:free"),
        ("Qwen/Qwen3-32B", "qwen3:32b-q4_K_M hf.co/unsloth/Qwen3-32B-GGUF:Q4_K_M"),
        ("DeepSeek-R1-Distill-Qwen-7B", "deepseek-r1:7b"),
        ("microsoft/phi-4", "phi4:latest unsloth/phi-4-bnb-4bit"),
    ],
)
def test_a_copy_of_a_model_has_its_canonical_name(usual: str, others: str) -> None:
    assert {canonical(other) for other in others.split()} == {canonical(usual)}


@pytest.mark.parametrize(
    "names",
    [
        "llama3.1:8b llama3.1:70b llama3.2:3b llama3.1:8b-text llama3.1",
        "Qwen3-8B Qwen3-8B-Base Qwen3-4B-Instruct-2507 Qwen3-4B-Thinking-2507 Qwen-8B",
        "gpt-4-turbo gpt-4 gpt-4o",
        "base-model:adapter-a base-model:adapter-b base-model",
    ],
)
def test_other_models_have_other_names(names: str) -> None:
    assert len({canonical(name) for name in names.split()}) == len(names.split())


@given(st.text() | st.from_regex(r"([a-z]{2,6}[-_/:.]{1,2}(ibm|fp8|q4|qwen3|awq|8b)){1,6}"))
@example("/\r0")
def test_a_canonical_name_is_its_own(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)
    assert len(traits(name).columns()) == len(TRAIT_NAMES)


def test_a_name_says_what_the_model_is_for() -> None:
    base, chat = traits("meta-llama/Llama-2-7b-hf"), traits("meta-llama/Llama-2-7b-chat-hf")
    assert (base.base, base.instruct, chat.base, chat.instruct) == (True, False, False, True)
    assert traits("Qwen3-8B-Base").base
    assert traits("Qwen2.5-Coder-7B").code
    assert traits("sql-lora").code
    assert traits("Qwen2.5-Math-7B-Instruct").math
    assert traits("phi-4-reasoning").reasoning
    assert not traits("my-finetune").code


def test_later_versions_are_of_a_later_generation() -> None:
    for names in (
        "llama-7b llama-2-7b llama-3-8b llama-3.1-8b llama-3.3-70b llama-4-scout",
        "qwen-7b qwen1.5-7b qwen2-7b qwen2.5-7b qwen3-8b",
        "gpt-3.5-turbo gpt-4 gpt-4o gpt-4.1 gpt-5",
        "claude-2 claude-3-opus claude-3-5-sonnet claude-3-7-sonnet claude-opus-4",
    ):
        years = [traits(name).year for name in names.split()]
        assert years == sorted(years)
        assert len(set(years)) == len(years)


def test_a_date_in_the_name_is_the_year_of_a_model_of_which_nothing_is_published() -> None:
    dated = ("acme-52b-2022", "acme-2024-08-06", "acme-20240620", "acme-202401-chat")
    assert [round(traits(name).year, 1) for name in dated] == [2022.5, 2024.7, 2024.5, 2024.1]
    assert not [name for name in ("acme-2048", "acme-2503", "acme-20b") if traits(name).year > 0]
    assert traits("llama-2-7b-2025").year == traits("llama-2-7b").year


def test_unknown_models_differ_by_what_their_names_say() -> None:
    names = "acme-70b-chat acme-3b acme-70b-base acme-coder-7b acme-thinker-7b acme-7b acme"
    assert len({str(traits(name)) for name in names.split()}) == 7
