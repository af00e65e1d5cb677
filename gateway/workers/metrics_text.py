"""Reads samples from Prometheus text line by line: a line of garbage spoils no other line."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_SAMPLES = 10_000
"""Samples read of one text. A server with a thousand engines has fewer."""

LONGEST_LINE = 16_384
"""Characters of a line that are read. The line of vLLM's whole configuration has some 2,000."""

_PREFIX = re.compile(r"(?:ray_)?vllm[:_]")
"""Beginning of vLLM's names. Ray Serve and some collectors put an underscore for the colon."""

_SAMPLE = re.compile(
    r'(?P<name>[A-Za-z_:][\w:]*+)\s*+(?P<labels>\{(?:[^"}]|"(?:[^"\\]|\\.)*+")*+\})?\s*+(?P<value>\S++)',
    re.ASCII,
)
_LABEL = re.compile(r'\b(\w++)\s*+=\s*+"((?:[^"\\]|\\.)*+)"', re.ASCII)
"""Each position is read once: a word begins where a word begins, and gives nothing back."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; ``value`` is NaN where the text has no number."""

    name: str
    """vLLM's name without prefix, without "_total" and "_info"."""
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float = math.nan


def samples(text: str, names: frozenset[str]) -> Iterator[Sample]:
    """vLLM's samples of these names (``Sample.name``), at most ``MAX_SAMPLES``.

    A line of such a name that cannot be read is a sample without labels, of the value NaN.
    """
    left = MAX_SAMPLES
    for line in io.StringIO(text):
        prefix = _PREFIX.match(line)
        if prefix is None:
            continue
        name = _plain(re.split(r"[\s{]", line[prefix.end() : 200], maxsplit=1)[0])
        if name not in names:
            continue
        match = _SAMPLE.match(line) if len(line) <= LONGEST_LINE else None
        if match is None:
            yield Sample(name)
        else:
            labels = dict(_LABEL.findall(match["labels"] or ""))
            yield Sample(name, labels, _number(match["value"]))
        left -= 1
        if not left:
            return


def _plain(name: str) -> str:
    return name.removesuffix("_total").removesuffix("_info")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
