"""What is read of a prompt, in the words of every API."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.forecasting.attachments import MOST_LOOKED
from gateway.forecasting.characters import SAMPLED, CharacterClass, count_characters
from gateway.forecasting.prompt_parts import LARGE, MOST_TOOLS, read_parts
from gateway.forecasting.prompt_tokens import PromptTokens
from gateway.forecasting.token_rates import Part

TEXT = "Tell me of the town by the sea. " * 100
PARTS = [{"type": "text", "text": TEXT}]
TOOLS = [{"name": f"f{n}", "input_schema": {"type": "object"}} for n in range(20)]
CALL = {"name": "f", "arguments": TEXT}


def weight(**body: Any) -> int:
    return PromptTokens().estimate(read_parts(body))


PLAIN = weight(messages=[{"role": "user", "content": TEXT}])


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": PARTS}]},
        {"messages": [{"role": "user", "content": "Go"}], "system": TEXT},
        {"messages": [{"role": "user", "content": "Go"}], "system": PARTS},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": PARTS}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": TEXT}]}]},
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "input": {"a": TEXT}}]}
            ]
        },
        {"messages": [{"role": "assistant", "tool_calls": [{"function": CALL}]}]},
        {"messages": [{"role": "assistant", "function_call": CALL}]},
        {"messages": [{"role": "user", "content": "Go"}], "documents": [{"text": TEXT}]},
        {"messages": [{"role": "user", "content": "Go"}], "documents": [{"title": TEXT}]},
        {
            "messages": [{"role": "user", "content": "Go"}],
            "chat_template_kwargs": {"documents": [{"text": TEXT}]},
        },
        {"input": TEXT, "instructions": "Go"},
        {"input": "Go", "instructions": TEXT},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": TEXT}]}]},
        {"input": [{"type": "function_call", **CALL}]},
        {"input": [{"type": "function_call_output", "output": TEXT}]},
        {"input": TEXT},
        {"input": [TEXT]},
        {"prompt": TEXT},
        {"query": "Go", "documents": [TEXT]},
        {"text_1": "Go", "text_2": [TEXT]},
    ],
)
def test_a_text_weighs_the_same_wherever_it_stands(body: dict[str, Any]) -> None:
    assert weight(**body) == pytest.approx(PLAIN, rel=0.05)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://i/1.png"}},
        {"type": "input_image", "image_url": "https://i/1.png"},
        {"type": "image", "source": {"type": "url", "url": "https://i/1.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "audio_url", "audio_url": {"url": "https://a/1.wav"}},
        {"type": "input_audio", "input_audio": {"data": "A" * 2_000_000, "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://v/1.mp4"}},
        {"type": "document", "source": {"type": "base64", "data": "AAAA"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {}}]},
        {"image_url": {"url": "https://i/1.png"}},
    ],
)
@pytest.mark.parametrize("field", ["messages", "input"])
def test_an_attachment_of_unknown_size_weighs_neither_nothing_nor_a_cache(
    field: str, part: dict[str, Any]
) -> None:
    entry = {"role": "user", "content": [{"type": "text", "text": "What is it?"}]}
    without = weight(**{field: [entry]})
    entry["content"].append(part)  # type: ignore[attr-defined]
    assert 200 < weight(**{field: [entry]}) - without < 3000


@pytest.mark.parametrize("field", ["tools", "functions"])
def test_tools_weigh_what_their_json_weighs(field: str) -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Go"}], field: TOOLS}
    parts, more = read_parts(body), read_parts({**body, field: TOOLS * 10})
    assert parts.amounts[Part.TOOLS] == 20
    assert more.amounts[Part.TOOL_TEXT] == pytest.approx(
        10 * parts.amounts[Part.TOOL_TEXT], rel=0.01
    )
    assert weight(**{**body, field: TOOLS * 10}) > 2000


def test_tools_that_may_not_be_used_are_of_their_own_kind() -> None:
    body: dict[str, Any] = {"messages": [], "tools": TOOLS}
    for choice in ("none", {"type": "none"}):
        parts = read_parts({**body, "tool_choice": choice})
        assert parts.amounts[Part.TOOL_TEXT] == 0 < parts.amounts[Part.UNUSED_TOOL_TEXT]
        assert parts.kind != read_parts(body).kind


def test_a_schema_and_earlier_text_are_seen() -> None:
    schema = {"type": "object", "properties": {"town": {"type": "string"}}}
    for fields in (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
        {"text": {"format": {"type": "json_schema", "schema": schema}}},
        {"guided_json": schema},
        {"structured_outputs": {"json": schema}},
    ):
        assert read_parts({"input": "Go", **fields}).amounts[Part.SCHEMA_TEXT] > 10
    assert read_parts({"input": "Go", "previous_response_id": "r"}).amounts[Part.EARLIER] == 1


@pytest.mark.parametrize(
    ("prompt", "ids", "prompts"),
    [
        ([1, 2, 3], 3, 1),
        ([[1, 2], [3]], 3, 2),
        (["a", "b", "c"], 0, 3),
        ("a", 0, 1),
        ([], 0, 1),
        (None, 0, 1),
        ({"a": 1}, 0, 1),
    ],
)
def test_every_prompt_of_a_batch_is_read(prompt: Any, ids: int, prompts: int) -> None:
    parts = read_parts({"prompt": prompt})
    assert (parts.ids, parts.prompts) == (ids, prompts)


def test_fields_of_the_wrong_type_count_as_absent() -> None:
    for body in (
        {"messages": 7},
        {"messages": [None, 7, {"content": [None, "a", {"type": 3}]}]},
        {"messages": {"type": "image"}},
        {"messages": [{"content": {"a": 1}, "tool_calls": 3, "function_call": "x"}], "tools": "y"},
        {"input": 3, "system": 4, "tools": [None], "text": 5, "response_format": "json"},
    ):
        read_parts(body)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("town", CharacterClass.LETTER),
        ("\t ", CharacterClass.SPACE),
        ("2024", CharacterClass.DIGIT),
        ("{}:\n", CharacterClass.MARK),
        ("éñüạ", CharacterClass.LATIN),
        ("Москва", CharacterClass.ALPHABET),
        ("مدينة", CharacterClass.SEMITIC),
        ("शहर", CharacterClass.INDIC),
        ("まち、", CharacterClass.KANA),
        ("城市", CharacterClass.HAN),
        ("도시", CharacterClass.HANGUL),
        ("🙂—", CharacterClass.SYMBOL),
        ("\ud83d", CharacterClass.SYMBOL),
    ],
)
def test_characters_are_counted_by_class(text: str, kind: CharacterClass) -> None:
    expected = np.zeros(len(CharacterClass))
    expected[kind] = len(text)
    assert count_characters(text).tolist() == expected.tolist()
    mixed = count_characters(text + "a")
    assert mixed.sum() == len(text) + 1


def test_a_long_text_is_judged_by_even_parts() -> None:
    counts = count_characters("a" * SAMPLED + "城" * SAMPLED)
    assert counts[CharacterClass.LETTER] == pytest.approx(SAMPLED, rel=0.01)
    assert counts[CharacterClass.HAN] == pytest.approx(SAMPLED, rel=0.01)


def test_an_upload_weighs_neither_nothing_nor_a_cache() -> None:
    assert 200 < PromptTokens().estimate(read_parts({}, b"--boundary ...")) < 3000


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("responses", {"input": TEXT, "prompt": None}),
        ("responses", {"input": TEXT, "prompt": {"id": "p"}}),
        ("responses", {"input": TEXT, "messages": None}),
        ("responses", {"input": TEXT, "messages": [], "prompt": ""}),
        ("completions", {"prompt": TEXT, "messages": None}),
        ("completions", {"prompt": TEXT, "messages": [{"content": "Go"}], "input": "Go"}),
        ("chat/completions", {"messages": [{"content": TEXT}], "prompt": "Go"}),
        ("messages", {"messages": [{"content": TEXT}], "prompt": None, "input": "Go"}),
        ("v2/embed", {"input": TEXT, "prompt": None, "messages": None}),
    ],
)
def test_the_prompt_is_read_where_its_api_has_it(endpoint: str, body: dict[str, Any]) -> None:
    parts = read_parts(body, endpoint=endpoint)
    assert PromptTokens().estimate(parts) >= 0.95 * PLAIN
    if endpoint != "responses":
        assert PromptTokens().estimate(parts) <= 1.05 * PLAIN
    assert parts.prompts == 1
    assert weight(**body) >= 0.95 * PLAIN or endpoint in {"responses", "completions"}


def test_a_prompt_that_the_server_keeps_is_text_of_unknown_length() -> None:
    body = {"input": "Go", "prompt": {"id": "p"}}
    assert read_parts(body, endpoint="responses").amounts[Part.EARLIER] == 1


@pytest.mark.parametrize("body", [{"prompt_embeds": "A" * LARGE}, {"messages": None, "x": "A"}])
def test_a_large_body_in_which_nothing_is_found_weighs_something(body: dict[str, Any]) -> None:
    small, large = read_parts(body, b"{}"), read_parts(body, b"A" * LARGE)
    assert PromptTokens().estimate(small) < 20
    assert 200 < PromptTokens().estimate(large) < 3000
    found = read_parts({"prompt": "Go"}, b"A" * LARGE)
    assert PromptTokens().estimate(found) < 20


@pytest.mark.parametrize("endpoint", ["", "chat/completions"])
def test_the_documents_of_a_chat_are_part_of_its_one_prompt(endpoint: str) -> None:
    documents = [{"title": "Town", "text": TEXT}] * 50
    chat = {"messages": [{"role": "user", "content": "Go"}], "documents": documents}
    parts = read_parts(chat, endpoint=endpoint)
    assert parts.prompts == 1
    assert PromptTokens().estimate(parts) == pytest.approx(50 * PLAIN, rel=0.05)
    assert read_parts({"query": "Go", "documents": [TEXT] * 50}).prompts == 50


def test_parts_may_be_nested_as_deeply_as_clients_like() -> None:
    part: dict[str, Any] = {"type": "text", "text": TEXT}
    for _ in range(5000):
        part = {"type": "t", "content": [part]}
    assert weight(messages=[{"role": "user", "content": [part]}]) == pytest.approx(PLAIN, rel=0.05)


def test_of_many_attachments_and_tools_some_are_looked_at() -> None:
    looked = []

    class Address(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            looked.append(name)
            return super().get(name, default)

    image = {"type": "image_url", "image_url": Address(url="https://i/1.png")}
    parts = read_parts({"messages": [{"role": "user", "content": [image] * 5000}]})
    assert parts.amounts[Part.UNSIZED_IMAGES] == pytest.approx(5000)
    assert len(looked) <= 2 * MOST_LOOKED
    tools = [{"name": f"f{n:05}"} for n in range(50 * MOST_TOOLS)]
    few, many = (read_parts({"messages": [], "tools": some}) for some in (tools[:50], tools))
    text = Part.TOOL_TEXT
    assert many.amounts[text] == pytest.approx(MOST_TOOLS * few.amounts[text], rel=0.05)


def test_every_kind_of_a_mixed_lot_of_attachments_is_seen() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://i/1.png"}}
    film = {"type": "video_url", "video_url": {"url": "https://v/1.mp4"}}
    content = [image] * 1000 + [film] * 3000
    parts = read_parts({"messages": [{"role": "user", "content": content}]})
    assert parts.amounts[Part.UNSIZED_IMAGES] == pytest.approx(1000, rel=0.05)
    assert parts.amounts[Part.ATTACHMENTS] == pytest.approx(3000, rel=0.05)
