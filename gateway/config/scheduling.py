"""Settings of the queue: the sections ``scheduling``, ``queue`` and ``slo``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.section import Section
from scheduler.policy import AGEING, LEVEL
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY


class Scheduling(Section):
    """Which request goes next, and to which worker."""

    policy: Literal[
        "sejf", "fcfs", "sjf_prompt", "sept", "kv_volume", "tail_aware", "gittins", "boost", "slo"
    ] = "sejf"
    """Order of the queue. sejf: shortest expected job first, with ageing and a level. fcfs: first
    come, first served. scheduler/README.md describes the other policies."""
    ageing: float = Field(default=AGEING, ge=0, le=100)
    """Weight of waiting: one turn of waiting counts as much as an expected length shorter by a
    factor of e^ageing. A turn is the typical service time (geometric mean) of recent requests. With
    0.1 a request expected to be 10 times longer than another request yields for at most 23 turns.
    0 lets long requests starve. fcfs and slo do not use ageing."""
    level: float = Field(default=LEVEL, gt=0, le=1000)
    """Requests expected to exceed `level` times the usual length all count as that long and go in
    arrival order. A lower level shortens the longest waits and raises the mean. Only sejf uses the
    level."""
    kv_overflow: float = Field(default=KV_OVERFLOW_PROBABILITY, gt=0, le=0.5)
    """Probability, by the forecasts, that the requests on a worker outgrow its KV cache. The
    gateway sends a worker requests up to this probability. Lower: fewer preemptions, more empty
    memory. While hardly any request waits, or while forecasts prove wrong, the gateway goes by what
    the requests hold at the moment: up to 92 % of the cache, and up to 96 % with 120 requests."""
    affinity: Literal["none", "session", "prefix"] = "none"
    """Which requests go to the worker that has their prefix cached. session: requests with the same
    X-Session-Id header, `prompt_cache_key` or `user`. prefix: requests with the same system prompt,
    or first message. none: every request goes to the worker with the least expected work."""
    affinity_slack: float = Field(default=0.25, gt=0, le=10)
    """Largest difference in use between the worker with the cached prefix and the least loaded
    worker; the use of a full worker is 1."""
    engine_queue: int = Field(default=ENGINE_QUEUE, ge=0, le=1024)
    """Requests that a worker may hold beyond its slots, so that the engine fills a free slot in its
    next step. A higher number weakens the order, a lower number costs throughput."""
    send_priority: bool = True
    """Put the order into each request as vLLM's `priority`, for servers that run with
    --scheduling-policy priority. false: for servers that refuse the field."""
    agent_hints: bool = False
    """Put the expected tokens and the order into each chat and completion as `nvext.agent_hints`
    (`osl`, `priority`), for workers that are frontends of NVIDIA Dynamo. Hints that the client has
    set stay. vLLM itself does not read the field."""


class Queue(Section):
    """How many requests may wait, and for how long."""

    max_waiting: int = Field(default=10_000, ge=0, le=10_000_000)
    """Requests that may wait. One more is answered 429 (queue_full)."""
    max_waiting_tokens: float | None = Field(default=None, ge=1, le=1e12)
    """Expected output tokens, by their forecasts, of the requests that wait. A request beyond it is
    answered 429 (queue_tokens_full), unless it is the only one. Unset: no bound."""
    reject_hopeless: Literal["never", "declared", "slo"] = "never"
    """Requests that have to wait and are answered 503 (deadline_unreachable) at once, since by the
    forecasts they would more likely than not be late. declared: those whose client wants the whole
    answer within the seconds of its header X-Request-Timeout. slo: also the others, if they would
    start after slo.ttft_s."""
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds that a request may wait for a worker, before the answer 504 (queue_timeout)."""
    no_worker_grace_s: float = Field(default=10.0, ge=0, le=86_400)
    """Seconds that requests may wait while no worker of their model is healthy (a restart, a
    rollout). Then the requests are answered 503 (no_healthy_worker)."""
    stream_comments_s: float = Field(default=0.0, ge=0, le=3600)
    """Seconds after which the stream of a waiting request begins, with status 200 and a comment,
    and seconds between two more comments, until the answer comes. Errors then come as events. 0: a
    stream begins with its answer."""


class Slo(Section):
    """The latency objective, for the goodput metric and the policy slo."""

    ttft_s: float = Field(default=5.0, gt=0)
    """Time to first token, waiting included, in seconds."""
    tpot_s: float = Field(default=0.2, gt=0)
    """Time per output token after the first, in seconds. For an answer that is not streamed: the
    whole time per output token."""
