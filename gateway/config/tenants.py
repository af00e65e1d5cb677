"""Settings of the tenants: the section ``tenants``."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.config.secrets import fits_header
from gateway.config.section import Section


class Tenant(Section):
    """The holder of one API key."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Name of the tenant in metrics and in /ready: letters, digits, . _ and -."""
    api_key: SecretStr = Field(min_length=1)
    """API key of the tenant's requests (Authorization: Bearer, x-api-key or api-key)."""
    weight: float = Field(default=1.0, ge=0.001, le=1000)
    """Share of tokens relative to other tenants while both have waiting requests. Needs `fair`."""
    urgency: int = Field(default=0, ge=-100, le=100)
    """Class of the tenant's requests. A lower class goes first, whatever policy and weights say."""

    _key_fits = field_validator("api_key")(fits_header)


class Tenants(Section):
    """Who shares the workers, by API key: with keys in ``access``, by their holders."""

    fair: bool = False
    """Share the workers by tokens: the tenant with the fewest tokens for its weight goes next. Each
    key of `known` is one tenant, and each of the `regulars`. All others are one tenant together."""
    regulars: int = Field(default=64, ge=0, le=10_000)
    """Other API keys that may have a share of their own, each once 10 of its requests have been
    answered, until it has been idle for an hour. The gateway checks no key, so a fresh one for each
    request must not be a tenant each. 0: the keys of `known` alone."""
    max_waiting: int | None = Field(default=None, ge=1, le=10_000_000)
    """Requests of one tenant that may wait. One more is answered 429 (tenant_queue_full). Unset:
    half of queue.max_waiting, so that no tenant can fill the queue alone. Needs `fair`."""
    known: tuple[Tenant, ...] = ()
    """API keys with a name, a weight or a class. Not used where `access` has keys."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Tenants:
        for field in ("name", "api_key"):
            values = [getattr(tenant, field) for tenant in self.known]
            if len(set(values)) < len(values):
                raise ValueError(f"two of known have the same {field}: give each its own")
        if self.max_waiting is not None and not self.fair:
            raise ValueError(f"max_waiting is {self.max_waiting} and fair false: set fair to true")
        return self
