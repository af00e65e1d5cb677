"""Attachments of a request, and text that the request does not show."""

from __future__ import annotations

from typing import Any

import pytest

from predictor import Prompt

TEXT = {"type": "text", "text": "What is this?"}


def read(**fields: Any) -> Prompt:
    return Prompt.from_request({"model": "m", **fields})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_image", "image_url": "https://i/1.png"},
        {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://v/1.mp4"}},
        {"type": "document", "source": {"type": "base64", "data": "AAAA"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {}}, TEXT]},
    ],
    ids=lambda part: str(part["type"]),
)
@pytest.mark.parametrize("field", ["messages", "input"])
def test_a_part_without_text_is_an_attachment(field: str, part: dict[str, Any]) -> None:
    prompt = read(**{field: [{"role": "user", "content": [TEXT, part]}] * 2})
    assert (prompt.attachments, prompt.unseen_text) == (2, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": [TEXT]}]},
        {"messages": [{"role": "user", "content": "an image"}], "tools": [{"name": "f"}]},
        {"input": "What is this?"},
        {"prompt": [1, 2, 3]},
        {"messages": [None, 7, {"content": [None, "a", {"type": 3}]}]},
        {"messages": {"type": "image"}},
    ],
)
def test_text_is_no_attachment(fields: dict[str, Any]) -> None:
    prompt = read(**fields)
    assert (prompt.attachments, prompt.unseen_text) == (0, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "go on", "previous_response_id": "resp_1"},
        {"messages": [{"role": "assistant", "content": "ok", "reasoning_content": "long"}]},
        {"messages": [], "tools": [{"name": "f"}], "tool_choice": "none"},
        {"messages": [], "tools": [{"name": "f"}], "tool_choice": {"type": "none"}},
    ],
)
def test_text_that_a_request_only_refers_to_is_unseen(fields: dict[str, Any]) -> None:
    assert read(**fields).unseen_text
