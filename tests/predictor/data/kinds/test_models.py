"""What names in the sets tell: base models, licences, tokenizers, limits."""

import numpy as np
import pytest

from predictor.data.kinds.choice import spread
from predictor.data.kinds.licences import SOURCES, is_free
from predictor.data.kinds.limits import at_piles
from predictor.data.kinds.models import base, plain_name
from predictor.data.kinds.reader import KINDS
from predictor.data.kinds.token_units import factor


def test_every_set_has_a_licence() -> None:
    assert set(KINDS) == set(SOURCES)
    assert all(source.title and source.licence for source in SOURCES.values())


@pytest.mark.parametrize("tune", ["lab/sql-Qwen3-8B-sft", "qwen3-8b-merge", "072-qwen3-30b-dpo"])
def test_a_fine_tune_has_its_makers_base(tune: str) -> None:
    assert base(tune) == base("Qwen/Qwen3-8B")


def test_other_generations_are_other_bases() -> None:
    names = ["Qwen/Qwen3-8B", "Qwen/Qwen2.5-7B", "llama-3.1-8b", "llama-2-7b", "phi-4", "my-own"]
    assert len({base(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "tune",
    [
        "lab/sql-Qwen3-8B-sft",
        "HuggingFaceH4/zephyr-7b-beta",
        "Starling-LM-7B-alpha",
        "openchat/openchat-3.5-0106",
        "qwen/qwen-2.5-72b-instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
        "deepseek-ai/DeepSeek-V3",
    ],
)
def test_conditions_that_a_name_does_not_tell_make_a_row_bound(tune: str) -> None:
    assert not is_free("speechmap", tune, True)


@pytest.mark.parametrize("own", ["Qwen/Qwen3-8B", "mistralai/Mistral-7B-Instruct-v0.2", "phi-4"])
def test_a_makers_own_free_release_is_free_if_the_set_says_so(own: str) -> None:
    assert is_free("speechmap", own, True)
    assert not is_free("speechmap", own, False)


def test_the_mode_is_no_part_of_a_models_name_unless_its_maker_says_so() -> None:
    assert plain_name("Qwen/Qwen3-8B-nothink") == "Qwen/Qwen3-8B"
    assert plain_name("qwen3-235b-a22b-thinking-2507") == "qwen3-235b-a22b-thinking-2507"
    assert plain_name("moonshotai/kimi-vl-a3b-thinking") == "moonshotai/kimi-vl-a3b-thinking"


def test_a_tokenizer_made_for_a_script_needs_fewer_tokens_of_it() -> None:
    names = ("Qwen/Qwen3-8B", "meta-llama/Llama-3.1-8B", "llama-2-7b-chat")
    for language in ("zh", "ja"):
        factors = [factor(name, language) for name in names]
        assert factors == sorted(factors)
        assert factors[0] < 1 < factors[2]
    assert factor("Qwen/Qwen3-8B", "en") == 1.0


def test_lengths_that_pile_up_at_a_round_number_are_cut() -> None:
    lengths = np.concatenate([np.arange(1000.0, 3000.0, 10), np.full(8, 2048.0)])
    assert at_piles(lengths).sum() == 8
    assert not at_piles(np.arange(1000.0, 3000.0)).any()


def test_every_beginning_of_the_order_is_spread_over_base_models() -> None:
    names = [f"tune-{at}-llama-3.1" for at in range(50)] + ["phi-4", "Qwen/Qwen3-8B"]
    assert {base(name) for name in spread(names)[:3]} == {"llama3.1", "phi4", "qwen3"}
