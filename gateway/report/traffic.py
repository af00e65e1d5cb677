"""What the traffic was: when, how much, of what kinds, for whom, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gateway.report.groups import CLASSES, by_name, class_of, count
from gateway.report.served import Served
from predictor.arrays import Array, Flags

_WIDTHS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
"""Seconds of a bar."""

MOST_BARS = 48

_CHATS = ("chat/completions", "responses", "messages")


def traffic(served: Served) -> dict[str, Any]:
    """The figures on the traffic."""
    prompt, output = served.number("prompt_tokens"), served.number("output_tokens")
    arrival, whole = served.time("arrival"), served.whole
    index = class_of(output)
    return {
        "begin": float(arrival.min()),
        "end": float(arrival.max()),
        "requests": len(served),
        "whole": int(whole.sum()),
        "prompt_tokens": int(prompt.sum()),
        "output_tokens": int(output.sum()),
        "bars": bars(arrival, output),
        "kinds": [
            {**count(name, rows & ~unknown, prompt, output), "unknown": int(unknown.sum())}
            for name, rows, unknown in _kinds(served)
        ],
        "lengths": [
            count(name, index == place, prompt, output) for place, name in enumerate(CLASSES)
        ],
        "models": by_name(served.names("model"), prompt, output),
        "tenants": by_name(_tenants(served), prompt, output),
        "endpoints": by_name(served.names("endpoint"), prompt, output),
        "workers": by_name(served.names("worker"), prompt, output),
        "outcomes": by_name(served.names("finish_reason"), prompt, output),
    }


def bars(arrival: Array, output: Array) -> dict[str, Any]:
    """Requests and output tokens by time; a bar begins at a multiple of its width in UTC."""
    span = arrival.max() - arrival.min()
    width = next((w for w in _WIDTHS if span / w < MOST_BARS - 1), _WIDTHS[-1])
    place = np.floor(arrival / width).astype(np.int64)
    first, number = place.min(), int(place.max() - place.min()) + 1
    requests = np.bincount(place - first, minlength=number)
    tokens = np.bincount(place - first, weights=output, minlength=number)
    return {
        "width_s": width,
        "begin": float(first * width),
        "requests": [int(value) for value in requests],
        "output_tokens": [int(value) for value in tokens],
    }


def _kinds(served: Served) -> Iterator[tuple[str, Flags, Flags]]:
    """Name, requests of the kind, and requests of which nobody knows; kinds overlap."""
    modes = served.names("mode")
    no_mode = np.array([not mode for mode in modes], dtype=np.bool_)
    chats = np.array([name.endswith(_CHATS) for name in served.names("endpoint")], dtype=np.bool_)

    def words(*wanted: str) -> Flags:
        return np.array([any(w in mode for w in wanted) for mode in modes], dtype=np.bool_)

    yield "plain chat", chats & words("plain"), no_mode
    yield "reasoning", words("thinking"), no_mode
    yield "tools offered", words("tools", "forced"), no_mode
    yield "JSON demanded", words("json"), no_mode
    for name, column, least in (
        ("several turns", "turns", 2),
        ("with images", "images", 1),
        ("streamed", "streamed", 1),
    ):
        values = served.number(column)
        yield name, values >= least, np.isnan(values)
    yield "several answers", served.number("sequences") > 1, np.zeros(len(served), dtype=np.bool_)


def _tenants(served: Served) -> list[str]:
    """The name of each request's key; in older logs its pseudonym."""
    pairs = zip(served.names("key"), served.names("tenant"), strict=True)
    return [key or tenant for key, tenant in pairs]
