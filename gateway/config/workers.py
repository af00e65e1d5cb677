"""Settings of the workers: the sections ``workers``, ``discovery`` and ``health``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    field_validator,
    model_validator,
)

from gateway.config.secrets import fits_header
from gateway.config.section import Section
from gateway.config.worker_url import base_url, basic_authorization, shown_url

_HOST = re.compile(r"(?!.*\.\.)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")

MOST_SLOTS = 65_536
"""Most sequences that an engine may be said to run at once."""


class WorkerConfig(Section):
    """One vLLM server. The server reports its model names, context length and KV capacity."""

    url: Annotated[HttpUrl, AfterValidator(base_url)] = Field(repr=False)
    """Base URL of the server; /v1 at its end is left out. User and password in the URL are sent as
    Basic authorization, and shown nowhere."""
    max_num_seqs: int | None = Field(default=None, ge=1, le=MOST_SLOTS)
    """The server's --max-num-seqs: sequences that the engine runs at once. vLLM does not publish
    this number. Unset, the gateway learns it from the engine's load."""
    kv_tokens: int | None = Field(default=None, ge=1)
    """Capacity of the KV cache in tokens, for a server that does not report it."""
    api_key: SecretStr | None = None
    """The server's --api-key, sent with every request. Unset, /v1/models must answer without a
    key."""
    forward_client_credentials: bool = False
    """Send the server the clients' own keys and cookies: the headers Authorization, x-api-key,
    api-key and Cookie. With `api_key` too, that key goes with probes alone. Otherwise the server
    gets none of them."""
    speed: float = Field(default=1.0, ge=0.01, le=100)
    """Tokens per second relative to the other workers: a worker of 2.0 gets twice the work of a
    worker of 1.0."""
    draining: bool = False
    """Send the worker no new requests; the requests that run there end. Set draining before the
    server is removed."""

    _key_fits = field_validator("api_key")(fits_header)

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        if self.api_key and basic_authorization(self.url):
            raise ValueError("user and password in the url and api_key exclude each other")
        if self.forward_client_credentials and basic_authorization(self.url):
            raise ValueError(
                "user and password in the url and forward_client_credentials exclude each other: "
                "both need the header Authorization"
            )
        return self

    @property
    def shown_url(self) -> str:
        """The URL without user and password, and without a slash at its end."""
        return shown_url(self.url)

    @property
    def authorization(self) -> str | None:
        """The value of the header Authorization by the configuration; None without one."""
        if self.api_key:
            return f"Bearer {self.api_key.get_secret_value()}"
        return basic_authorization(self.url)


class DiscoverySettings(Section):
    """Workers beside `workers` that join and leave without a restart."""

    file: Path | None = None
    """YAML or JSON file with a list of workers, as under `workers`. A changed file is reread."""
    dns: str | None = None
    """host:port. Each address of the name is one worker (http). Of a name with IPv4 and IPv6
    addresses, those of one family count."""
    api_key: SecretStr | None = None
    """The --api-key of the workers found by `dns`."""
    forward_client_credentials: bool = False
    """Send the workers found by `dns` the clients' own keys and cookies, as under `workers`."""
    interval_s: float = Field(default=5.0, ge=0.05, le=3600)
    """Seconds between two readings of the file and two resolutions of the name."""

    _key_fits = field_validator("api_key")(fits_header)

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
    stall_s: float = Field(default=60.0, ge=0, le=86_400)
    """Seconds for which an engine may run sequences without a further token while requests of the
    gateway wait there, by its /metrics. Then the worker is declared down, whatever /health says,
    until it makes progress or is idle. A prompt that is being read adds 4 ms for each of its
    tokens. 0: never."""
    failures: int = Field(default=3, ge=1, le=100)
    """Probes in a row that must time out before the worker is declared down and its requests have
    failed. After a refused or broken connection the worker is down at once."""
