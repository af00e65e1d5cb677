"""Tenancy: the tenant of a request, found by the request's API key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from gateway.access.directory import Holder
from gateway.config.tenants import Tenants
from gateway.protocol.headers import KEYS, first_values
from gateway.scheduling.regulars import Regulars

SHOWN = 20
"""Number of configured tenants with a time series of their own, in the configuration's order."""

OTHER = "other"
"""Label of the metric that counts all other tenants together."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Tenant, share and class of a request, by the request's API key."""

    tenant: str = ""
    """Name for fairness and metrics; "" for those who share one share: all while ``fair`` is off,
    else requests without a key or with one that is neither known nor a regular's."""
    share: float = 1.0
    """Weight of the tenant against other tenants."""
    urgency: int = 0
    """Class of the request: a lower class goes first."""
    name: str = ""
    """Name of the key in the configuration, for operators; "" for none."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Owner of one request."""

    pseudonym: str
    """Opaque name for the served log and the adaptive layer; "" for a request without a key."""
    claim: Claim

    @property
    def shown(self) -> str:
        """What operators see: the name of the key, else the pseudonym, "" without a key."""
        return self.claim.name or self.pseudonym


class Tenancy:
    """Identifies the owner of each request: the holder of its key, else by its API key.

    Args:
        settings: the section ``tenants``.
        salt: secret bytes that key the hash of an API key. The salt stays on this machine, so
            nobody can search the served log for the hash of a known key.
    """

    def __init__(self, settings: Tenants, salt: bytes) -> None:
        self._salt = salt
        self._regulars = Regulars(settings.regulars)
        self.apply(settings)

    def apply(self, settings: Tenants) -> None:
        """Take these settings. Requests that are here keep their tenant, share and class."""
        self._fair = settings.fair
        self._regulars.most = settings.regulars
        self._names = [tenant.name for tenant in settings.known]
        self._claims = {
            tenant.api_key.get_secret_value(): Claim(
                tenant.name if settings.fair else "",
                tenant.weight if settings.fair else 1.0,
                tenant.urgency,
                tenant.name,
            )
            for tenant in settings.known
        }

    @property
    def fair(self) -> bool:
        """Whether tenants are told apart for fairness."""
        return self._fair

    def identify(self, headers: Mapping[str, str], holder: Holder | None = None) -> Identity:
        """The owner of a request with these headers; ``holder`` is who has its key, if known."""
        if holder is not None:
            return self._owner(holder)
        credential = _credential(headers)
        pseudonym = self._pseudonym(credential) if credential else ""
        claim = self._claims.get(_api_key(credential))
        if claim is None:
            own = self._fair and pseudonym in self._regulars
            claim = Claim(pseudonym if own else "")
        return Identity(pseudonym, claim)

    def _owner(self, holder: Holder) -> Identity:
        """A holder as the owner of a request, by whichever of his keys."""
        name, rights = holder.name, holder.rights
        if name not in self._names and len(self._names) < SHOWN:
            self._names.append(name)
        urgency = rights.urgency or 0
        if not self._fair:
            return Identity(self._pseudonym(name), Claim(urgency=urgency, name=name))
        return Identity(self._pseudonym(name), Claim(name, rights.weight or 1.0, urgency, name))

    def answered(self, pseudonym: str, tenant: str, now: float) -> None:
        """Note that a request of this owner has been answered, at ``now`` (seconds)."""
        if self._fair and pseudonym and tenant not in self._names:
            self._regulars.answered(pseudonym, now)

    def shown(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Counts by tenant for metrics: the first ``SHOWN`` configured tenants and the rest."""
        numbers = dict.fromkeys((*self._names[:SHOWN], OTHER), 0)
        for tenant, count in counts.items():
            numbers[tenant if tenant in self._names[:SHOWN] else OTHER] += count
        return numbers

    def _pseudonym(self, credential: str) -> str:
        text = credential.encode("utf-8", "replace")
        return blake2b(text, digest_size=8, key=self._salt).hexdigest()


def _credential(headers: Mapping[str, str]) -> str:
    """The value of the first header that carries an API key; "" without one."""
    values = first_values(headers)
    return next((values[name] for name in KEYS if values.get(name)), "")


def _api_key(credential: str) -> str:
    """The API key in a credential: the token of ``Bearer TOKEN``, else the whole credential."""
    scheme, _, token = credential.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else credential
