"""Every setting of the gateway: typed, bounded and documented here, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    field_validator,
    model_validator,
)

from scheduler.policy import AGEING, LEVEL
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY

_HOST = re.compile(r"(?!.*\.\.)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


class Section(BaseModel):
    """A group of settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


class Listen(Section):
    """Where clients reach the gateway."""

    host: str = "127.0.0.1"
    """Address to bind. The default is reachable from this machine only; 0.0.0.0 from anywhere."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    keep_alive_s: int = Field(default=75, ge=1, le=3600)
    """Seconds a client's idle connection is kept open. It must outlast what clients and balancers
    keep (httpx 5, AWS's 60): one closed as the next request is on its way is an error there."""


class WorkerConfig(Section):
    """One vLLM server. Model names, context length and KV capacity are read from it."""

    url: HttpUrl
    """Base URL, without /v1."""
    max_num_seqs: int | None = Field(default=None, ge=1, le=65536)
    """Its --max-num-seqs. vLLM does not publish it; unset, it is learned from the engine's load."""
    kv_tokens: int | None = Field(default=None, ge=1)
    """KV-cache capacity in tokens, for a server that does not report one."""
    api_key: SecretStr | None = None
    """Its --api-key. Set, it replaces the Authorization header of the clients."""
    speed: float = Field(default=1.0, ge=0.01, le=100)
    """Tokens per second against the other workers'; placement alone heeds it."""
    draining: bool = False
    """It gets nothing new and ends what it has: before it is taken away."""


class Discovery(Section):
    """Where workers are found, beside `workers`, and lost, without a restart."""

    file: Path | None = None
    """YAML or JSON list of workers, as in `workers`; read again when it changes."""
    dns: str | None = None
    """host:port; each address of the name is a worker (http). Resolved again and again."""
    api_key: SecretStr | None = None
    """The --api-key of the workers found by `dns`."""
    interval_s: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between two looks."""

    @property
    def finds(self) -> bool:
        """Whether there is anywhere to look."""
        return self.file is not None or self.dns is not None

    @field_validator("dns")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if not _HOST.fullmatch(host) or not (port.isdecimal() and 0 < int(port) < 65536):
                raise ValueError("must be host:port, as in vllm.default.svc:8000, without http://")
        return value


class Scheduling(Section):
    """Who goes next."""

    policy: Literal[
        "sejf", "fcfs", "sjf_prompt", "sept", "kv_volume", "tail_aware", "gittins", "boost", "slo"
    ] = "sejf"
    """sejf: shortest expected job first, with ageing; long ones in order of arrival. fcfs: first
    come, first served. scheduler/README.md has the others."""
    ageing: float = Field(default=AGEING, ge=0, le=100)
    """How fast waiting counts, in e-folds of expected length per turn (not fcfs, slo): the time for
    which a typical request is served, as measured. With 0.12 a request expected to be 10 times
    longer yields for at most 19 turns. 0 lets long ones starve."""
    level: float = Field(default=LEVEL, gt=0, le=1000)
    """From how many times the mean expected length on requests are alike to sejf and go in order of
    arrival. Lower spares the slowest, higher the mean."""
    kv_overflow: float = Field(default=KV_OVERFLOW_PROBABILITY, gt=0, le=0.5)
    """Probability, by the forecasts, that what runs on a worker outgrows its KV cache, up to which
    more is sent there. Less preempts less and leaves memory empty. As long as hardly any request
    has to wait, more is sent."""
    affinity: Literal["none", "session", "prefix"] = "none"
    """Send to the worker that has the prefix cached. session: of the same X-Session-Id header,
    `prompt_cache_key` or `user`. prefix: with the same system prompt, else first message."""
    affinity_slack: float = Field(default=0.25, gt=0, le=10)
    """How much fuller than the least loaded that worker may be, in parts of a full worker."""
    engine_queue: int = Field(default=ENGINE_QUEUE, ge=0, le=1024)
    """Requests a worker may hold beyond its slots, so that a slot that falls free is taken in the
    next engine step. More cost order, fewer cost throughput."""
    send_priority: bool = True
    """Put the key into each request as vLLM's priority (used under --scheduling-policy priority).
    Turn it off for servers that refuse the field."""


class Queue(Section):
    """How much may wait, and how long."""

    max_waiting: int = Field(default=10_000, ge=0, le=10_000_000)
    """Requests that may wait; one more is answered 429."""
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds a request may wait for a worker before it is answered 504."""
    no_worker_grace_s: float = Field(default=10.0, ge=0, le=86_400)
    """Seconds the queue is held while no worker of a model is healthy (a restart, a rollout)
    before its requests are answered 503."""


class Tenant(Section):
    """Who holds an API key."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Its name in metrics and in /ready."""
    api_key: SecretStr = Field(min_length=1)
    """The key its requests bear (Authorization: Bearer, x-api-key or api-key)."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """Its share of tokens against others while both wait. Needs `fair`."""
    urgency: int = Field(default=0, ge=-100, le=100)
    """Its class: requests of a lower one go first, whatever the policy and the weights say."""


class Tenants(Section):
    """Who shares the workers, told apart by API key. The keys are not checked: workers do that."""

    fair: bool = False
    """Serve next whoever has had the fewest tokens for its weight; each key is a tenant."""
    max_waiting: int | None = Field(default=None, ge=1, le=10_000_000)
    """Requests of one tenant that may wait; one more is answered 429. Unset, half of
    queue.max_waiting, so that a flood does not have the others turned away. Needs `fair`."""
    known: tuple[Tenant, ...] = ()
    """The keys that have a name, a weight or a class."""

    @model_validator(mode="after")
    def _each_is_one(self) -> Tenants:
        for what in ("name", "api_key"):
            values = [getattr(tenant, what) for tenant in self.known]
            if len(set(values)) < len(values):
                raise ValueError(f"two of known have the same {what}: give each its own")
        if self.max_waiting is not None and not self.fair:
            raise ValueError(f"max_waiting is {self.max_waiting} and fair false: set fair to true")
        return self


class Requests(Section):
    """Bounds on a single request."""

    max_body_bytes: int = Field(default=64 * 2**20, ge=1024)
    """A larger body is answered 413."""
    timeout_s: float = Field(default=3600.0, gt=0, le=604_800)
    """Seconds from arrival to the last byte before a request is answered 504."""
    retries: int = Field(default=2, ge=0, le=10)
    """Times a request is sent to a worker again after one failed it before the first byte."""


class Health(Section):
    """How workers are watched."""

    interval_s: float = Field(default=1.0, ge=0.05, le=60)
    """Seconds between two probes of a worker (/health)."""
    scrape_s: float = Field(default=10.0, ge=0.05, le=3600)
    """Seconds between two readings of its models and its load (/v1/models, /metrics). One costs a
    vLLM server about 5 ms of its CPU time; a worker that comes back is read at once."""
    timeout_s: float = Field(default=5.0, ge=0.1, le=60)
    """Seconds after which a probe has failed."""
    failures: int = Field(default=3, ge=1, le=100)
    """Probes in a row that must time out before a worker counts as lost and what runs there as
    failed. A refused or broken connection counts at once."""


class PredictorConfig(Section):
    """Where length forecasts come from."""

    enabled: bool = True
    """Off: every request is forecast from its model's recent lengths alone."""
    path: Path | None = None
    """Directory made by `lengthwise train`; unset, the predictor that ships. It is watched: a new
    model put in its place is taken up without a restart."""
    refine: bool = True
    """Give requests that wait a better forecast from the text encoder, where the predictor has one
    and its libraries are installed (`pip install 'lengthwise[refined]'`)."""
    budget_ms: float = Field(default=200.0, gt=0, le=10_000)
    """Milliseconds a request waits for its forecast before its model's recent lengths are used."""
    refine_budget_ms: float = Field(default=5000.0, gt=0, le=600_000)
    """Milliseconds a waiting request's better forecast may take before it is given up."""
    reload_s: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between two looks for a new model."""


class Learning(Section):
    """What is kept of served traffic, and learned from it."""

    folder: Path | None = None
    """Where it is kept: the served log (one record for each finished request), what the forecasts
    learned, refitted models. Unset, nothing is written and a restart forgets."""
    max_bytes: int = Field(default=256 * 2**20, ge=2**20)
    """Bytes of the served log; the oldest records go first."""
    keep_text: bool = False
    """Keep prompts in the log, to train the text model on them (`lengthwise train`)."""
    refit_s: float = Field(default=0.0, ge=0, le=2_592_000)
    """Seconds between two refits of the predictor to the log, each in a process of its own; a refit
    serves only once it has done better on later traffic. 0: none. Needs `folder`."""

    @model_validator(mode="after")
    def _refits_have_a_log(self) -> Learning:
        if self.refit_s and self.folder is None:
            raise ValueError(f"refit_s is {self.refit_s:g} and folder unset: set learning.folder")
        return self


class Slo(Section):
    """What counts as served well: the goodput metric and the policy slo depend on it."""

    ttft_s: float = Field(default=5.0, gt=0)
    """Time to first token, seconds."""
    tpot_s: float = Field(default=0.2, gt=0)
    """Time per output token after the first, seconds."""


class Shutdown(Section):
    """What happens on SIGTERM."""

    drain_timeout_s: float = Field(default=600.0, ge=0, le=86_400)
    """Seconds that accepted requests get to end before their connections are closed."""


class Config(Section):
    """The whole configuration, as in deploy/lengthwise.yaml."""

    listen: Listen = Listen()
    workers: tuple[WorkerConfig, ...] = ()
    """The vLLM servers. None, and no discovery: an emulated one is started, to try things out."""
    discovery: Discovery = Discovery()
    scheduling: Scheduling = Scheduling()
    queue: Queue = Queue()
    tenants: Tenants = Tenants()
    requests: Requests = Requests()
    health: Health = Health()
    predictor: PredictorConfig = PredictorConfig()
    learning: Learning = Learning()
    slo: Slo = Slo()
    shutdown: Shutdown = Shutdown()
