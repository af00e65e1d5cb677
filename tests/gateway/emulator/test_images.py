"""The tokens of images, against sizes that Qwen2.5-VL's processor is published to give."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from gateway.emulator.prompts.images import image_tokens


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + bytes(32)).decode()


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((28, 28), 2 * 2 + 2),
        ((56, 56), 2 * 2 + 2),
        ((640, 480), 23 * 17 + 2),
        ((1000, 1000), 36 * 36 + 2),
        ((8000, 8000), 128 * 128 + 2),
    ],
)
def test_a_square_of_28_pixels_is_a_token(size: tuple[int, int], tokens: int) -> None:
    data = png(*size)
    url = f"data:image/png;base64,{data}"
    for part in (
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_image", "image_url": url},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
    ):
        assert image_tokens(part) == tokens


def test_an_image_behind_an_address_has_the_size_of_that_address() -> None:
    def behind(url: str) -> dict[str, Any]:
        return {"type": "image", "source": {"type": "url", "url": url}}

    counted = {image_tokens(behind(f"https://i/{n}.png")) for n in range(50)}
    assert len(counted) > 3
    assert min(counted) > 300
    assert image_tokens(behind("https://i/1.png")) == image_tokens(behind("https://i/1.png"))
