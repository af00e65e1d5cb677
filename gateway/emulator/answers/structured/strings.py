"""Strings of the formats that JSON Schema names, and prose for those without one."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

from gateway.emulator.answers.words import draw_words


def draw_prose(rng: random.Random, chars: int) -> str:
    """Made-up text of so many characters."""
    text = "".join(draw_words(rng, chars // 2 + 8)).lstrip()
    while len(text) < chars:
        text += "".join(draw_words(rng, chars))
    return text[:chars]


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1970, 2037)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"


def _name(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 9)))


FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "duration": lambda rng: f"PT{rng.randint(1, 59)}M",
    "email": lambda rng: f"{_name(rng)}@example.com",
    "idn-email": lambda rng: f"{_name(rng)}@example.com",
    "hostname": lambda rng: f"{_name(rng)}.example.com",
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
    "ipv6": lambda rng: f"2001:db8::{rng.randint(1, 9999):x}",
    "uri": lambda rng: f"https://example.com/{_name(rng)}",
    "uri-reference": lambda rng: f"/{_name(rng)}",
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "byte": lambda rng: "aGVsbG8=",
    "binary": _name,
    "decimal": lambda rng: f"{rng.randint(0, 999)}.{rng.randint(0, 99):02}",
}
"""From the name of a format to strings of this format. Other names have no meaning."""
