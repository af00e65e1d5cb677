"""The size of images, against the files that a library writes."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from gateway.protocol.image_size import HEAD_BYTES, image_size


def written(kind: str, size: tuple[int, int], **options: Any) -> str:
    file = BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("GIF", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"exif": b"Exif\0\0" + bytes(40_000)}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"exif": b"Exif\0\0" + bytes(100)}),
]


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_the_size_is_that_of_the_file(kind: str, options: dict[str, Any]) -> None:
    text = written(kind, (301, 97), **options)
    assert image_size(text) == (301, 97)
    assert image_size(f"data:image/{kind.lower()};base64,{text}") == (301, 97)


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_a_broken_file_has_a_size_or_none(kind: str, options: dict[str, Any]) -> None:
    text = written(kind, (301, 97), **options)
    for end in range(0, 400, 3):
        assert image_size(text[:end]) in (None, (301, 97))


@pytest.mark.parametrize(
    "data", ["", "https://i/1.png", "data:image/png;base64,", "AAAA" * 100, "é", "data:,%20"]
)
def test_what_is_no_image_has_no_size(data: str) -> None:
    assert image_size(data) is None


def test_only_the_head_of_a_file_is_read() -> None:
    text = written("PNG", (50, 50))
    assert image_size(text + "A" * 4 * HEAD_BYTES + "é") == (50, 50)


def jpeg(before: bytes) -> str:
    """A JPEG of 301 by 97 pixels, with these bytes before its frame."""
    frame = b"\xff\xc0\x00\x11\x08" + (97).to_bytes(2) + (301).to_bytes(2)
    return base64.b64encode(b"\xff\xd8" + before + frame + bytes(20)).decode()


def test_fill_bytes_before_a_segment_are_no_segment() -> None:
    assert image_size(jpeg(b"\xff" * 60_000)) == (301, 97)
    assert image_size(jpeg(b"\xff\xff\xe0\x00\x04ab" * 3)) == (301, 97)


def test_only_so_many_segments_are_stepped_over() -> None:
    assert image_size(jpeg(b"\xff\xe0\x00\x02" * 100)) == (301, 97)
    assert image_size(jpeg(b"\xff\xe0\x00\x02" * 10_000)) is None
