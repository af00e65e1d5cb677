"""Images: their size in tokens, as the Qwen2.5-VL models read them.

An image is scaled so that both sides are multiples of 28 pixels and its area stays in bounds; each
square of 28 pixels is then a token (``smart_resize`` in transformers' ``qwen2_vl`` processor). Two
tokens mark its begin and its end.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from typing import Any

from gateway.emulator.errors import VllmError
from gateway.protocol.image_size import image_size

SIDE = 28
LEAST_PIXELS, MOST_PIXELS = 56 * 56, 16_384 * SIDE * SIDE

_HOLDERS = ("image_url", "source", "image", "image_pil", "image_embeds")
_MARKS = 2
_SIZES = ((640, 480), (800, 600), (1024, 768), (1280, 720), (1024, 1024), (1920, 1080))
"""Width and height of images that the emulator does not have: one of these, by their address."""


def image_tokens(part: Mapping[str, Any], field: str = "messages") -> int:
    """The tokens of a part that is an image, in base64 or behind an address.

    Raises:
        VllmError: 400 that names ``field``, the part has no image, or one that is not base64.
    """
    data = _data(part)
    if not data:
        kind = part.get("type")
        message = f"{field} has a part of type {kind!r} without an address or data of an image."
        raise VllmError(message, param=field)
    _check_base64(part, data, field)
    size = image_size(data) or _SIZES[zlib.crc32(data.encode("utf-8", "replace")) % len(_SIZES)]
    return _MARKS + _squares(*size)


def _data(part: Mapping[str, Any]) -> str:
    """The image's base64 text, data URL or address, under the names of all APIs; else ""."""
    given: Any = next((part[name] for name in _HOLDERS if part.get(name)), None)
    if isinstance(given, Mapping):
        given = given.get("url") or given.get("data")
    return given if isinstance(given, str) else ""


def _check_base64(part: Mapping[str, Any], data: str, field: str) -> None:
    """Refuse data that is not base64; addresses are not looked at."""
    text, source = data, part.get("source")
    if data[:5].lower() == "data:":
        head, _, text = data.partition(",")
        if not head.endswith(";base64"):
            message = f"Only base64 data URLs are supported for now, not {data[:40]!r} in {field}."
            raise VllmError(message, param=field)
    elif not (isinstance(source, Mapping) and source.get("type", "base64") == "base64"):
        return
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        message = f"{field} has an image whose data is not base64: {data[:40]!r}."
        raise VllmError(message, param=field) from None


def _squares(width: int, height: int) -> int:
    across, down = (max(1, round(side / SIDE)) for side in (width, height))
    pixels = across * down * SIDE * SIDE
    if pixels > MOST_PIXELS:
        shrink = SIDE * math.sqrt(width * height / MOST_PIXELS)
        return max(1, math.floor(width / shrink)) * max(1, math.floor(height / shrink))
    if pixels < LEAST_PIXELS:
        grow = math.sqrt(LEAST_PIXELS / (width * height)) / SIDE
        return math.ceil(width * grow) * math.ceil(height * grow)
    return across * down
