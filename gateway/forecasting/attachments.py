"""Attachments of a message: images, sounds, films and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from gateway.forecasting.characters import Counts
from gateway.forecasting.token_rates import PARTS, Part
from gateway.protocol.image_size import image_size
from predictor.request.fields import mapping, string

_KINDS = ("image", "audio", "video", "file", "document")
"""Words in the type of a part that is no text: ``image_url``, ``input_audio``, ``document``."""

_SQUARE = 28 * 28
_LARGEST_AREA = 16_384.0
"""Squares of 28 pixels in the largest image that is not scaled down: the default of Qwen2.5-VL."""

_BYTES_PER_SECOND = {"wav": 32_000.0, "pcm16": 48_000.0, "flac": 20_000.0}
"""Of speech: 16-bit samples at 16 kHz, at 24 kHz (OpenAI), and losslessly compressed."""

_COMPRESSED = 8_000.0
"""Bytes a second of the other formats of sound: 64 kbit/s."""

_LONGEST_SOUND_S = 3600.0

MOST_LOOKED = 128
"""Attachments of a request that are looked at: each may take a tenth of a millisecond."""

_MOST_NAMES, _MOST_NAMED = 16, 100
"""Fields of a part without a type that may name its kind, and characters of the names."""

_T = TypeVar("_T")


def attachment_kind(part: Mapping[str, Any]) -> str:
    """The kind of a part of a message that is an attachment, "" for another part."""
    named = string(part.get("type")) or " ".join(islice(part, _MOST_NAMES))
    return _kind(named[:_MOST_NAMED])


@lru_cache(maxsize=256)
def _kind(named: str) -> str:
    return next((kind for kind in _KINDS if kind in named), "")


def count_attachments(parts: Sequence[Mapping[str, Any]]) -> Counts:
    """The amounts of these attachments. So many are looked at; the others are like them."""
    amounts = np.zeros(PARTS)
    looked = spread(parts, MOST_LOOKED)
    for part in looked:
        _add(part, attachment_kind(part), amounts)
    return amounts * (len(parts) / max(1, len(looked)))


def spread(things: Sequence[_T], most: int) -> Sequence[_T]:
    """At most so many of these things, evenly spread over all."""
    if len(things) <= most:
        return things
    return [things[number * len(things) // most] for number in range(most)]


def _add(part: Mapping[str, Any], kind: str, amounts: Counts) -> None:
    data = _data(part, kind)
    if kind == "image":
        _add_image(data, amounts)
    elif kind == "audio" and (seconds := _seconds(part, data)):
        amounts[Part.SOUND_SECONDS] += seconds
    elif kind == "document" and (text := _plain_text(part)):
        amounts[Part.ATTACHMENTS] += len(text) / 4 / 1500
    else:
        amounts[Part.ATTACHMENTS] += 1


def _add_image(data: str, amounts: Counts) -> None:
    size = image_size(data)
    if size is None:
        amounts[Part.UNSIZED_IMAGES] += 1
        return
    amounts[Part.IMAGES] += 1
    amounts[Part.IMAGE_AREA] += min(size[0] * size[1] / _SQUARE, _LARGEST_AREA)


def _data(part: Mapping[str, Any], kind: str) -> str:
    """The base64 text, data URL or web address of a part; "" where there is none."""
    for name in (f"{kind}_url", f"input_{kind}", "source", kind, "url", "data"):
        value = part.get(name)
        value = mapping(value).get("url", mapping(value).get("data", value))
        if isinstance(value, str):
            return value
    return ""


def _seconds(part: Mapping[str, Any], data: str) -> float:
    """The seconds of a sound by its size; 0 for one behind a web address."""
    if data.startswith(("http:", "https:")):
        return 0.0
    head, _, body = data[:100].partition(",")
    kind = head if body else string(mapping(part.get("input_audio")).get("format"))
    rate = next((rate for name, rate in _BYTES_PER_SECOND.items() if name in kind), _COMPRESSED)
    return min(len(data) * 3 / 4 / rate, _LONGEST_SOUND_S)


def _plain_text(part: Mapping[str, Any]) -> str:
    source = mapping(part.get("source"))
    return string(source.get("data")) if source.get("type") == "text" else ""
