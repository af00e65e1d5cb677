"""Settings of the workers: the sections ``workers``, ``discovery`` and ``health``."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr, field_validator

from gateway.config.section import Section

_HOST = re.compile(r"(?!.*\.\.)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


class WorkerConfig(Section):
    """One vLLM server. The server reports its model names, context length and KV capacity."""

    url: HttpUrl
    """Base URL of the server, without /v1."""
    max_num_seqs: int | None = Field(default=None, ge=1, le=65536)
    """The server's --max-num-seqs: sequences that the engine runs at once. vLLM does not publish
    this number. Unset, the gateway learns it from the engine's load."""
    kv_tokens: int | None = Field(default=None, ge=1)
    """Capacity of the KV cache in tokens, for a server that does not report it."""
    api_key: SecretStr | None = None
    """The server's --api-key, sent in place of the client's Authorization header. Unset, the
    client's header passes unchanged."""
    speed: float = Field(default=1.0, ge=0.01, le=100)
    """Tokens per second relative to the other workers: a worker of 2.0 gets twice the work of a
    worker of 1.0."""
    draining: bool = False
    """Send the worker no new requests; the requests that run there end. Set draining before the
    server is removed."""


class DiscoverySettings(Section):
    """Workers beside `workers` that join and leave without a restart."""

    file: Path | None = None
    """YAML or JSON file with a list of workers, as under `workers`. A changed file is reread."""
    dns: str | None = None
    """host:port. Each address of the name is one worker (http)."""
    api_key: SecretStr | None = None
    """The --api-key of the workers found by `dns`."""
    interval_s: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between two readings of the file and two resolutions of the name."""

    @property
    def finds(self) -> bool:
        """Whether a file or a name is set."""
        return self.file is not None or self.dns is not None

    @field_validator("dns")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if not _HOST.fullmatch(host) or not (port.isdecimal() and 0 < int(port) < 65536):
                raise ValueError("must be host:port, as in vllm.default.svc:8000, without http://")
        return value


class Health(Section):
    """How the gateway probes the workers."""

    interval_s: float = Field(default=1.0, ge=0.05, le=60)
    """Seconds between two probes of a worker (/health)."""
    scrape_s: float = Field(default=10.0, ge=0.05, le=3600)
    """Seconds between two readings of a worker's models and load (/v1/models, /metrics). Each
    reading costs a vLLM server about 5 ms of CPU time. The gateway reads a worker that comes back
    at once."""
    timeout_s: float = Field(default=5.0, ge=0.1, le=60)
    """Seconds until a probe times out."""
    failures: int = Field(default=3, ge=1, le=100)
    """Probes in a row that must time out before the worker is declared down and its requests have
    failed. After a refused or broken connection the worker is down at once."""
