"""Config: the whole configuration. This folder types, bounds and documents every setting."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from gateway.config.access import Access
from gateway.config.admin import Admin
from gateway.config.cors import CorsSettings
from gateway.config.endpoints import Endpoints
from gateway.config.forecasting import Learning, PredictorConfig
from gateway.config.listen import Listen
from gateway.config.log import LogSettings
from gateway.config.models import Models
from gateway.config.picker import Picker
from gateway.config.scheduling import Queue, Scheduling, Slo
from gateway.config.section import Section
from gateway.config.shadow import ShadowSettings
from gateway.config.tenants import Tenants
from gateway.config.traces import TraceSettings
from gateway.config.usage import UsageSettings
from gateway.config.workers import MOST_SLOTS, DiscoverySettings, Health, WorkerConfig


class Requests(Section):
    """Bounds on one request."""

    max_body_bytes: int = Field(default=64 * 2**20, ge=1024)
    """Bytes of a request's body. A larger body is answered 413 (body_too_large)."""
    max_bodies_bytes: int = Field(default=2**30, ge=4096)
    """Bytes of the bodies of all requests together while they are read, wait or run. A body that
    does not fit is answered 503 (bodies_full). Small bodies fit longest: those above 64 KiB, 1 MiB
    and 16 MiB may fill seven, six and five eighths. At least four times `max_body_bytes`."""
    max_json_values: int = Field(default=2_000_000, ge=10_000)
    """Names and values in a JSON body; an object or array counts as four, since it takes so much
    more memory. A body with more is answered 400 (body_too_complex)."""
    body_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Seconds that a client may take to send a request's body. Then the request is answered 408
    (body_timeout)."""
    timeout_s: float = Field(default=3600.0, gt=0, le=604_800)
    """Seconds from a request's arrival to the last byte of its answer. Then the request is answered
    504 (request_timeout)."""
    connect_timeout_s: float = Field(default=10.0, ge=0.01, le=3600)
    """Seconds until an attempt to connect to a worker has failed (502, worker_failed)."""
    first_token_timeout_s: float = Field(default=120.0, ge=0.01, le=86_400)
    """Seconds that a worker may take until the first token, and several times what the prompt, the
    work that is before it and the recent requests there let expect. A whole answer may take several
    times the duration of the longest that the request allows. Then another worker is tried; the
    error is 504 (first_token_timeout)."""
    token_timeout_s: float = Field(default=60.0, ge=0.01, le=86_400)
    """Seconds that may pass between two tokens of a stream. Then the stream ends with an error
    event (token_timeout). While the worker's metrics show that its engine takes memory from
    sequences and goes on with others, up to ten times as many."""
    max_answer_bytes: int = Field(default=64 * 2**20, ge=1024)
    """Bytes of a worker's answer that the gateway holds in memory. A longer answer of generated
    text that is not streamed is refused: 502 (answer_too_large)."""
    max_answers_bytes: int = Field(default=256 * 2**20, ge=4096)
    """Bytes of all answers in memory: those of more than 1 MiB that come from workers, and what
    clients have not taken. Beyond it, the clients that take their answers most slowly are cut off
    (client_too_slow); a large answer for which that does not suffice is answered 503
    (answer_too_large). At least twice `max_answer_bytes`."""
    retries: int = Field(default=2, ge=0, le=10)
    """Times that a request is sent again after a worker failed before the first byte, or refused it
    while another worker may take it."""
    retry_share: float = Field(default=0.2, ge=0, le=10)
    """Retries of the whole gateway, as a share of its requests of the last 10 s. What is beyond
    goes to the client as it came: workers that all fail are not helped by more attempts. Requests
    that a worker took while it was well, and lost when it broke, are moved beyond this bound."""
    retries_per_s: float = Field(default=10.0, ge=0, le=10_000)
    """Retries each second beside `retry_share`, so that a quiet gateway may retry at all."""
    max_sequences: int = Field(default=256, ge=1, le=MOST_SLOTS)
    """Sequences of one request: `n` times the prompts of a completion. More are answered 400
    (too_many_sequences), and so is an `n` above the max_num_seqs of all of the model's workers."""

    @model_validator(mode="after")
    def _each_fits(self) -> Requests:
        if self.max_bodies_bytes < 4 * self.max_body_bytes:
            raise ValueError(
                f"requests.max_bodies_bytes ({self.max_bodies_bytes}) must be at least four times "
                f"requests.max_body_bytes ({self.max_body_bytes}); raise the first or lower the "
                "second"
            )
        if self.max_answers_bytes < 2 * self.max_answer_bytes:
            raise ValueError(
                f"requests.max_answers_bytes ({self.max_answers_bytes}) must be at least twice "
                f"requests.max_answer_bytes ({self.max_answer_bytes}); raise the first or lower "
                "the second"
            )
        return self


class Shutdown(Section):
    """What happens on SIGTERM."""

    lame_duck_s: float = Field(default=2.0, ge=0, le=3600)
    """Seconds after SIGTERM for which `GET /ready` says 503 and new requests are still served, so
    that balancers send no more. 0 after Ctrl-C."""
    drain_timeout_s: float = Field(default=600.0, ge=0, le=86_400)
    """Seconds that accepted requests may then take to end, while new ones are answered 503
    (shutting_down). What is left ends with the same error."""


class Config(Section):
    """The whole configuration, as in deploy/lengthwise.yaml."""

    listen: Listen = Listen()
    picker: Picker = Picker()
    admin: Admin = Admin()
    cors: CorsSettings = CorsSettings()
    workers: tuple[WorkerConfig, ...] = ()
    """The vLLM servers. Without workers and without discovery, the gateway starts one emulated
    worker for trials."""
    discovery: DiscoverySettings = DiscoverySettings()
    scheduling: Scheduling = Scheduling()
    queue: Queue = Queue()
    models: Models = Models()
    access: Access = Access()
    tenants: Tenants = Tenants()
    requests: Requests = Requests()
    endpoints: Endpoints = Endpoints()
    health: Health = Health()
    predictor: PredictorConfig = PredictorConfig()
    learning: Learning = Learning()
    usage: UsageSettings = UsageSettings()
    shadow: ShadowSettings = ShadowSettings()
    slo: Slo = Slo()
    shutdown: Shutdown = Shutdown()
    log: LogSettings = LogSettings()
    traces: TraceSettings = TraceSettings()

    @field_validator("workers")
    @classmethod
    def _one_entry_for_a_worker(cls, value: tuple[WorkerConfig, ...]) -> tuple[WorkerConfig, ...]:
        entries: dict[str, WorkerConfig] = {}
        for worker in value:
            if entries.setdefault(worker.shown_url, worker) != worker:
                raise ValueError(
                    f"two of them have the url {worker.shown_url} and different settings: "
                    "remove one"
                )
        return value
