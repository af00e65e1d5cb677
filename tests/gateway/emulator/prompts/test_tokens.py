"""The emulator's tokenizer: text to tokens and back."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.answers.words import PIECES
from gateway.emulator.prompts.tokens import count_tokens, token_id, token_text, tokenize


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_back_from_its_token_ids(text: str) -> None:
    tokens = tokenize(text)
    assert "".join(tokens) == text
    assert count_tokens(text) == len(tokens)
    ids = [token_id(token) for token in tokens]
    assert all(0 <= number < 2**31 for number in ids)
    assert "".join(map(token_text, ids)) == text


@given(st.integers(0, 2**63 - 1))
def test_any_number_has_a_text(number: int) -> None:
    assert token_text(number)


def test_the_words_of_answers_have_ids_of_their_own() -> None:
    assert [token_text(token_id(piece)) for piece in PIECES] == list(PIECES)


@pytest.mark.parametrize(("text", "tokens"), [("12345", 2), ("Привет", 3), ("数据", 2), ("", 0)])
def test_scripts_differ_in_their_characters_per_token(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


async def test_detokenize_undoes_tokenize(http: aiohttp.ClientSession) -> None:
    async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with http.post(path, json=body) as response:
            assert response.status == 200
            answer: dict[str, Any] = await response.json()
            return answer

    text = "Say hello, naïve 数据 🙂."
    said = await post("/tokenize", {"prompt": text, "return_token_strs": True})
    assert "".join(said["token_strs"]) == text
    assert (await post("/detokenize", {"tokens": said["tokens"]}))["prompt"] == text
    completion = {"prompt": said["tokens"], "max_tokens": 1}
    usage = (await post("/v1/completions", completion))["usage"]
    assert usage["prompt_tokens"] == said["count"] == len(said["tokens"])
