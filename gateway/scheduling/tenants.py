"""Tenancy: whose request it is, by its API key, and under which name that may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config.settings import Tenants
from gateway.forecasting.learned_state import LearnedState, credential

SHOWN = 20
"""Tenants with a metric of their own, in the configuration's order: each is a time series."""

OTHER = "other"
"""The label of all the rest."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request's key entitles it to."""

    tenant: str = ""
    share: float = 1.0
    urgency: int = 0


class Tenancy:
    """Looks up API keys. Keys not configured are told apart by opaque names."""

    def __init__(self, settings: Tenants, learned: LearnedState) -> None:
        self._learned = learned
        self._fair = settings.fair
        self._names = [tenant.name for tenant in settings.known]
        self._claims = {
            tenant.api_key.get_secret_value(): Claim(
                tenant.name if settings.fair else "",
                tenant.weight if settings.fair else 1.0,
                tenant.urgency,
            )
            for tenant in settings.known
        }

    @property
    def fair(self) -> bool:
        """Whether tenants are told apart at all."""
        return self._fair

    def claim(self, headers: Mapping[str, str]) -> Claim:
        """The claim of whoever holds the request's key."""
        given = credential(headers)
        scheme, _, bearer = given.partition(" ")
        known = self._claims.get(bearer.strip() if scheme.lower() == "bearer" else given)
        if known is not None:
            return known
        return Claim(self._learned.tenant(headers) if self._fair else "")

    def shown(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Numbers by tenant, few enough for metrics: the first of the configured, and the rest."""
        numbers = dict.fromkeys((*self._names[:SHOWN], OTHER), 0)
        for tenant, count in counts.items():
            numbers[tenant if tenant in self._names[:SHOWN] else OTHER] += count
        return numbers
