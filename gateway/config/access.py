"""Settings of who may use the gateway: the section ``access``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from gateway.config.secrets import fits_header
from gateway.config.section import Section

NAME = r"^[A-Za-z0-9._-]{1,64}$"
"""Names of key holders and groups: letters, digits, . _ and -."""

LONGEST_TIMEOUT_S = 604_800.0
"""Seconds of the longest time that a request may be given."""

MOST = 10**15
"""The largest number that a limit may have."""

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
Name = Annotated[str, StringConstraints(pattern=NAME)]
Limit = Annotated[int, Field(ge=1, le=MOST)]
Key = Annotated[SecretStr, Field(min_length=16, max_length=512)]


class Limits(Section):
    """How much may be used. Unset: no bound."""

    requests_per_min: Limit | None = None
    """Requests per minute, on average; after a pause, one minute's number may come at once. One
    more is answered 429 (requests_per_min)."""
    tokens_per_min: Limit | None = None
    """Prompt and output tokens per minute, as `requests_per_min`: 429 (tokens_per_min). A request
    counts by its forecast when it is accepted, and by what came once it ends."""
    concurrency: Limit | None = None
    """Requests at a time, waiting ones included. One more is answered 429 (concurrency)."""
    tokens_per_day: Limit | None = None
    """Tokens of a calendar day in UTC, as `tokens_per_min`: 429 (daily_budget)."""
    tokens_per_month: Limit | None = None
    """Tokens of a calendar month in UTC, as `tokens_per_min`: 429 (monthly_budget)."""


class Rights(Limits):
    """What the holder of a key may do. Unset: what the holder's group says, else no bound."""

    weight: float | None = Field(default=None, ge=0.001, le=1000)
    """Share of tokens relative to other holders while both have waiting requests; unset 1.0. Needs
    `tenants.fair`."""
    urgency: int | None = Field(default=None, ge=-100, le=100)
    """Class of the holder's requests; unset 0. A lower class goes first, whatever the policy."""
    models: tuple[str, ...] | None = None
    """Models that may be used, as names or patterns with * and ?. Others are answered 403
    (model_not_allowed) and left out of `GET /v1/models`. Unset: all."""
    aliases: dict[str, str] | None = None
    """Names by which the holder may call models: alias -> model. The worker gets the model's name,
    and answers with it. An alias allows its model."""
    max_tokens: int | None = Field(default=None, ge=1, le=MOST)
    """Most output tokens of one sequence. A higher limit in a request is lowered to this one."""
    default_max_tokens: int | None = Field(default=None, ge=1, le=MOST)
    """Limit of output tokens for a request that names none; unset: `max_tokens`."""
    timeout_s: float | None = Field(default=None, gt=0, le=LONGEST_TIMEOUT_S)
    """Most seconds for a whole answer: 504 (request_timeout). It counts as `X-Request-Timeout` of a
    request without one, and bounds what a request declares; the policy `slo` and
    `queue.reject_hopeless` go by it. Unset: only what the request declares."""
    steers: bool | None = None
    """Whether the holder may use the paths of `endpoints.to_every_worker`; unset: no."""

    def over(self, defaults: Rights) -> Rights:
        """These rights, with ``defaults`` where they are unset."""
        if not self.model_fields_set:
            return defaults
        names = Rights.model_fields
        own = {name: value for name in names if (value := getattr(self, name)) is not None}
        return Rights.model_construct(**{name: getattr(defaults, name) for name in names} | own)


class Group(Rights):
    """Rights of all holders of a group. Each holder has the limits for himself."""

    name: Name
    """Name of the group."""
    shared: Limits = Limits()
    """Limits for all holders of the group together, beside those that each has for himself."""


class Jwt(Section):
    """JSON Web Tokens in place of keys, for people whom a directory service knows."""

    jwks: str | None = None
    """File or http(s) URL of the service's JSON Web Key Set. Needs `issuer`, `audience` and the
    extra: pip install '.[jwt]'. Unset: no tokens."""
    issuer: str | None = None
    """The `iss` that tokens must have."""
    audience: tuple[str, ...] = ()
    """The `aud` that tokens must have, one of these: else any token of the service would do."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256", "EdDSA"), min_length=1)
    """Signatures that tokens may have. Those by a shared secret (HS256) are never taken."""
    name_claim: str = Field(default="sub", min_length=1)
    """Claim with the holder's name, such as sub or email."""
    group_claim: str = ""
    """Claim with the holder's group, or with several of which the first known one counts. "":
    `default_group`."""
    leeway_s: float = Field(default=30.0, ge=0, le=600)
    """Seconds by which clocks may differ."""
    refresh_s: float = Field(default=600.0, ge=1, le=86_400)
    """Seconds between two readings of the key set; a token with an unknown key brings one earlier.
    """

    @field_validator("jwks")
    @classmethod
    def _holds_no_password(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and "@" in value:
            raise ValueError("holds a user or a password; key sets are public: leave it out")
        return value

    @model_validator(mode="after")
    def _names_whose_tokens(self) -> Jwt:
        if self.jwks is not None and not (self.issuer and self.audience):
            raise ValueError(
                "jwks is set: set issuer and audience too, or each token of the service opens the "
                "gateway"
            )
        return self


class Access(Section):
    """Who may use the gateway. Without keys and tokens, everybody who reaches it may."""

    keys_file: Path | None = None
    """File of the keys that `lengthwise keys` makes, one holder a line, keys as hashes. A changed
    file is read again within a second. With it, a request needs a key: 401 (missing_api_key,
    invalid_api_key, expired_api_key, revoked_api_key)."""
    api_keys: dict[Name, Key] | None = None
    """Keys in plain text by their holder's name, of 16 characters or more. Keep them in the
    environment: LENGTHWISE_ACCESS_KEY_ALICE=KEY. The holder's group is the one of the same name,
    else `default_group`."""
    groups: tuple[Group, ...] = ()
    """Rights and limits by group."""
    default_group: str = ""
    """Group of holders that name none; "": no bound."""
    jwt: Jwt = Jwt()
    """JSON Web Tokens as keys."""
    failures_per_min: int = Field(default=30, ge=0, le=1_000_000)
    """Wrong keys per minute from one address (of IPv6: one /64). Then requests from there are
    answered 429 (too_many_failures), but for those with keys that have been right there lately.
    0: no bound."""

    @property
    def needs_keys(self) -> bool:
        """Whether requests need a key or a token."""
        return self.keys_file is not None or bool(self.api_keys) or self.jwt.jwks is not None

    @field_validator("api_keys")
    @classmethod
    def _fit_headers(cls, value: dict[str, SecretStr] | None) -> dict[str, SecretStr] | None:
        for key in (value or {}).values():
            fits_header(key)
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> Access:
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError("two of groups have the same name: give each its own")
        if self.default_group and self.default_group not in names:
            raise ValueError(
                f"default_group is {self.default_group[:64]!r} and no group has this name: add it "
                "to groups"
            )
        return self
