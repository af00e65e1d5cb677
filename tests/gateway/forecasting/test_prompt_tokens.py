"""The estimate of a prompt's tokens under traffic of many kinds."""

from __future__ import annotations

import base64
import math
import random
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from gateway.forecasting.prompt_parts import PromptParts, read_parts
from gateway.forecasting.prompt_tokens import PromptTokens, room

TOOL = {"type": "function", "function": {"name": "f", "description": "does things " * 20}}
QUESTION = "What is the weather in Paris today, and shall I take an umbrella?"
DOCUMENT = "Once upon a time there was a town by the sea. " * 250
WEB_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/1.png"}}


def asked(content: Any, **fields: Any) -> PromptParts:
    return read_parts({"messages": [{"role": "user", "content": content}], **fields})


def picture(width: int, height: int) -> dict[str, Any]:
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def with_image(image: dict[str, Any]) -> PromptParts:
    return asked([{"type": "text", "text": QUESTION}, image])


def taught(*counted: tuple[PromptParts, int]) -> PromptTokens:
    """The estimator after these counts."""
    learned = PromptTokens()
    for parts, tokens in counted:
        learned.observe(parts, tokens)
    return learned


PLAIN = asked(DOCUMENT)
UNLIKE = {
    "tools": (asked(QUESTION, tools=[TOOL] * 60), 9000),
    "image": (with_image(picture(1000, 1000)), 2630),
    "image behind an address": (with_image(WEB_IMAGE), 4000),
    "earlier response": (asked(QUESTION, previous_response_id="r"), 9000),
    "schema": (asked(QUESTION, response_format={"type": "json_schema", "schema": [TOOL] * 30}), 20),
    "thoughts": (
        read_parts({"messages": [{"role": "assistant", "reasoning_content": DOCUMENT}]}),
        20,
    ),
    "token ids": (read_parts({"prompt": list(range(500))}), 2000),
}


@pytest.mark.parametrize("kind", UNLIKE)
def test_a_part_that_weighs_more_or_less_than_assumed_says_nothing_of_plain_text(kind: str) -> None:
    learned = taught(*[UNLIKE[kind]] * 30)
    assert learned.estimate(PLAIN) == pytest.approx(PromptTokens().estimate(PLAIN), rel=0.02)


@pytest.mark.parametrize("kind", [kind for kind in UNLIKE if kind != "token ids"])
def test_a_part_is_learned_from_a_few_counts(kind: str) -> None:
    parts, tokens = UNLIKE[kind]
    assert taught(*[(parts, tokens)] * 5).estimate(parts) == pytest.approx(tokens, rel=0.1, abs=20)


@pytest.mark.parametrize("kind", [kind for kind in UNLIKE if kind != "token ids"])
def test_a_part_stays_learned_while_other_traffic_passes(kind: str) -> None:
    parts, tokens = UNLIKE[kind]
    plain = PromptTokens().estimate(PLAIN)
    learned = taught(*[(parts, tokens)] * 5, *[(PLAIN, plain)] * 2000)
    assert learned.estimate(parts) == pytest.approx(tokens, rel=0.1, abs=20)


def test_images_weigh_by_their_size_where_the_model_reads_them_so() -> None:
    rng = random.Random(0)
    sizes = [(rng.randrange(100, 2000), rng.randrange(100, 2000)) for _ in range(30)]
    text = PromptTokens().estimate(asked([{"type": "text", "text": QUESTION}]))
    counted = [(with_image(picture(w, h)), text + math.ceil(w * h / 784)) for w, h in sizes]
    learned = taught(*counted[:20])
    for parts, tokens in counted[20:]:
        assert learned.estimate(parts) == pytest.approx(tokens, rel=0.1, abs=60)


def test_images_weigh_the_same_where_the_model_scales_them_to_one_size() -> None:
    rng = random.Random(0)
    sizes = [(rng.randrange(100, 2000), rng.randrange(100, 2000)) for _ in range(30)]
    text = PromptTokens().estimate(asked([{"type": "text", "text": QUESTION}]))
    counted = [(with_image(picture(w, h)), text + 576) for w, h in sizes]
    learned = taught(*counted[:20])
    for parts, tokens in counted[20:]:
        assert learned.estimate(parts) == pytest.approx(tokens, rel=0.1)


def test_short_prompts_tell_of_the_chat_template_not_of_the_tokenizer() -> None:
    short = asked("Say hello to the whole world, please, and then tell me what time it is.")
    learned = taught(*[(short, 70)] * 30)
    assert learned.estimate(short) == pytest.approx(70, abs=3)
    assert learned.estimate(PLAIN) < 1.2 * PromptTokens().estimate(PLAIN)


def test_short_and_long_prompts_tell_template_and_tokenizer_apart() -> None:
    texts = [DOCUMENT[: 50 if n % 3 else 10_000] for n in range(60)]
    learned = taught(*[(asked(text), len(text) // 4 + 40) for text in texts])
    for text in (DOCUMENT[:50], DOCUMENT[:500], DOCUMENT * 4):
        expected = len(text) // 4 + 40
        assert learned.estimate(asked(text)) == pytest.approx(expected, rel=0.05, abs=5)


def test_scripts_are_learned_apart() -> None:
    english, japanese = asked("The fox jumps. " * 30), asked("東京の天気を教えて。" * 30)
    learned = taught(*[(english, 140), (japanese, 500)] * 10)
    assert learned.estimate(english) == pytest.approx(140, rel=0.1)
    assert learned.estimate(japanese) == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize("odd", [1, 10**9])
@pytest.mark.parametrize("kind", ["tools", "image", "image behind an address", "earlier response"])
def test_one_odd_answer_moves_little(kind: str, odd: int) -> None:
    parts, tokens = UNLIKE[kind]
    plain = PromptTokens().estimate(PLAIN)
    learned = taught(*[(parts, tokens), (PLAIN, plain)] * 5, (parts, odd), (PLAIN, odd))
    assert learned.estimate(parts) == pytest.approx(tokens, rel=0.1)
    assert learned.estimate(PLAIN) == pytest.approx(plain, rel=0.1)


@pytest.mark.parametrize("odd", [1, 10**9])
def test_no_count_moves_the_estimate_beyond_what_is_plausible(odd: int) -> None:
    estimate = taught(*[(PLAIN, odd)] * 500).estimate(PLAIN)
    usual = PromptTokens().estimate(PLAIN)
    assert usual / 5 < estimate < 5 * usual


@pytest.mark.parametrize("odd", [1, 2**31 - 1])
def test_the_first_count_of_a_kind_is_believed_in_part(odd: int) -> None:
    usual = PromptTokens().estimate(PLAIN)
    assert 0.5 * usual < taught((PLAIN, odd)).estimate(PLAIN) < 1.5 * usual


def test_token_ids_count_as_they_are() -> None:
    assert PromptTokens().estimate(read_parts({"prompt": list(range(500))})) == 500


def test_a_prompt_without_any_known_part_has_a_token() -> None:
    assert PromptTokens().estimate(read_parts({})) == 1


def test_a_batch_weighs_all_of_its_prompts() -> None:
    one = PromptTokens().estimate(read_parts({"prompt": DOCUMENT}))
    four = PromptTokens().estimate(read_parts({"prompt": [DOCUMENT] * 4}))
    assert four == pytest.approx(4 * one, rel=0.01)


def test_an_estimate_leaves_a_part_of_the_context_whatever_it_says() -> None:
    assert room(8000, 0) == 8000
    assert room(8000, 4000) == 5000
    assert room(8000, 7999) > 2000
    assert room(8000, 8000) == room(8000, 700_000) == 8000
    assert room(math.inf, 700_000) == math.inf


def test_a_tokenizer_that_changes_is_learned_however_much_was_counted_before() -> None:
    learned = taught(*[(PLAIN, 2500)] * 5000, *[(PLAIN, 3300)] * 64)
    assert learned.estimate(PLAIN) == pytest.approx(3300, rel=0.05)
