"""EngineReport: the figures that vLLM publishes of its engine, read from its Prometheus text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.workers.metrics_text import Sample, samples

_RUNNING = ("num_requests_running",)
_WAITING = ("num_requests_waiting",)
_KV_USAGE = ("kv_cache_usage_perc", "gpu_cache_usage_perc")
_PREEMPTIONS = ("num_preemptions",)
_GENERATED = ("generation_tokens",)
_PREFIX_QUERIES = ("prefix_cache_queries", "gpu_prefix_cache_queries")
_PREFIX_HITS = ("prefix_cache_hits", "gpu_prefix_cache_hits")
_CACHE_CONFIG = ("cache_config",)
"""vLLM's names of each figure, the newest first. A server of the years between publishes both."""

_NAMES = frozenset(
    (
        *(*_RUNNING, *_WAITING, *_KV_USAGE, *_PREEMPTIONS, *_GENERATED),
        *(*_PREFIX_QUERIES, *_PREFIX_HITS, *_CACHE_CONFIG),
    )
)

_MOST_SEQUENCES = 1e7
_MOST_TOKENS = 1e15
_MOST_BLOCK = 65_536
_MOST_CAPACITY = 10**12
_MOST_DIGITS = 15
"""Bounds beyond which a figure is garbage."""

AT_ONCE = 2**17
"""Characters of metrics that are read on the event loop."""

_FULL = 1.01
"""Largest KV use that counts as 1: rounding may exceed it."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Figures of a server, over all its engines. None: the server does not publish the figure."""

    running: int | None = None
    """Sequences that run."""
    waiting: int | None = None
    """Sequences that wait in the engine."""
    kv_usage: float | None = None
    """Part of the KV cache in use, 0 to 1, of the fullest engine."""
    kv_mean_usage: float | None = None
    """Part of the KV caches in use, 0 to 1, over all engines: data-parallel engines have caches of
    one size."""
    kv_tokens: int | None = None
    """Capacity of the KV caches in tokens."""
    preemptions: float | None = None
    """Preemptions since the server started."""
    generated: float | None = None
    """Output tokens since the server started."""
    kv_block: int | None = None
    """Tokens in one KV block."""
    prefix_caching: bool | None = None
    """Whether the engines keep a prefix cache."""
    prefix_queries: float | None = None
    """Prompt tokens that were looked up in the prefix cache since the server started."""
    prefix_hits: float | None = None
    """Prompt tokens that were found in the prefix cache since the server started."""
    ignored: tuple[str, ...] = ()
    """Names of published figures that make no sense: NaN, infinite, negative, too large or text."""


def parse_report(text: str) -> EngineReport:
    """The report in vLLM's Prometheus text, of any version; empty for the text of another server.

    A figure that makes no sense is None, and ``ignored`` has its name. No text is an error.
    """
    found: dict[str, list[Sample]] = {}
    for sample in samples(text, _NAMES):
        found.setdefault(sample.name, []).append(sample)
    reader = _Reader(found)
    running, waiting = reader.total(_RUNNING), reader.total(_WAITING)
    usages = reader.usages()
    kv_tokens, kv_block = reader.cache()
    return EngineReport(
        running=None if running is None else int(running),
        waiting=None if waiting is None else int(waiting),
        kv_usage=max(usages, default=None),
        kv_mean_usage=sum(usages) / len(usages) if usages else None,
        kv_tokens=kv_tokens,
        preemptions=reader.total(_PREEMPTIONS, _MOST_TOKENS),
        generated=reader.total(_GENERATED, _MOST_TOKENS),
        kv_block=kv_block,
        prefix_caching=reader.prefix_caching(),
        prefix_queries=reader.total(_PREFIX_QUERIES, _MOST_TOKENS),
        prefix_hits=reader.total(_PREFIX_HITS, _MOST_TOKENS),
        ignored=tuple(sorted(reader.ignored)),
    )


async def read_report(body: bytes) -> EngineReport:
    """The report in an answer. A long one is read on a thread: on the event loop it would hold up
    the tokens of all streams."""
    text = body.decode("utf-8", "replace")
    if len(text) <= AT_ONCE:
        return parse_report(text)
    return await asyncio.to_thread(parse_report, text)


@dataclass(slots=True)
class _Reader:
    """The samples of a text by name, and the names of those that were ignored."""

    found: Mapping[str, Sequence[Sample]]
    ignored: set[str] = field(default_factory=set)

    def samples(self, names: Sequence[str]) -> Sequence[Sample]:
        """The samples of the first of these names that the text has."""
        return next((self.found[name] for name in names if name in self.found), ())

    def total(self, names: Sequence[str], most: float = _MOST_SEQUENCES) -> float | None:
        """The sum over the engines; None without one, or if a part of the sum makes no sense."""
        chosen = self.samples(names)
        if not chosen:
            return None
        if not all(0 <= sample.value <= most for sample in chosen):  # false for NaN as well
            self.ignored.add(chosen[0].name)
            return None
        return sum(sample.value for sample in chosen)

    def usages(self) -> list[float]:
        """The KV use of each engine, 0 to 1, without those that make no sense."""
        chosen = self.samples(_KV_USAGE)
        sound = [sample.value for sample in chosen if 0 <= sample.value <= _FULL]
        if len(sound) < len(chosen):
            self.ignored.add(chosen[0].name)
        return [min(value, 1.0) for value in sound]

    def cache(self) -> tuple[int | None, int | None]:
        """Capacity of all KV caches and size of a block, in tokens; None where not known yet."""
        caches = [sample.labels for sample in self.samples(_CACHE_CONFIG)]
        tokens = sum(map(_kv_tokens, caches))
        block = max((_label(labels, "block_size") for labels in caches), default=0)
        if tokens > _MOST_CAPACITY or block > _MOST_BLOCK:
            self.ignored.update(_CACHE_CONFIG)
            return None, None
        return tokens or None, block or None

    def prefix_caching(self) -> bool | None:
        """Whether the engines keep a prefix cache; None if they do not say or differ."""
        caches = [sample.labels for sample in self.samples(_CACHE_CONFIG)]
        said = {labels.get("enable_prefix_caching") for labels in caches}
        return said == {"True"} if said in ({"True"}, {"False"}) else None


def _kv_tokens(labels: Mapping[str, str]) -> int:
    """KV capacity from ``cache_config_info``. Its labels are strings and may be "None".

    vLLM keeps one of its blocks, the null block, for itself (``vllm/v1/core/block_pool.py``). Both
    the number of blocks and that of tokens count it; the KV usage does not.
    """
    block = _label(labels, "block_size")
    tokens = _label(labels, "kv_cache_size_tokens") or _label(labels, "num_gpu_blocks") * block
    return max(0, tokens - block)


def _label(labels: Mapping[str, str], name: str) -> int:
    value = labels.get(name, "")
    digits = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS
    return int(value) if digits else 0
