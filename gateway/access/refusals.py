"""Refusals: the client's error for each reason for which access is refused."""

from __future__ import annotations

import math
from enum import StrEnum

from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers

_CHALLENGE: Headers = [(b"www-authenticate", b"Bearer")]


class Refused(StrEnum):
    """Machine-readable reasons: ``code`` of the error and ``outcome`` of the metric."""

    MISSING = "missing_api_key"
    INVALID = "invalid_api_key"
    EXPIRED = "expired_api_key"
    REVOKED = "revoked_api_key"
    DISABLED = "disabled_api_key"
    FAILURES = "too_many_failures"
    NO_KEY_SET = "key_set_unavailable"
    MODEL = "model_not_allowed"
    REQUESTS = "requests_per_min"
    TOKENS = "tokens_per_min"
    CONCURRENCY = "concurrency"
    DAY = "daily_budget"
    MONTH = "monthly_budget"


_NO_ACCESS = {
    Refused.MISSING: "The request has no API key. Send one as Authorization: Bearer KEY (or as "
    "x-api-key); who runs this gateway gives keys out.",
    Refused.INVALID: "The API key is not known here. Check it for typing errors, or ask who runs "
    "this gateway for one.",
    Refused.EXPIRED: "The API key has expired. Ask who runs this gateway for a new one.",
    Refused.REVOKED: "The API key has been revoked. Ask who runs this gateway for a new one.",
    Refused.DISABLED: "The API key is right, but its holder's group is not set up at this gateway. "
    "Tell who runs it; GET /ready on their side names the group.",
}


def no_access(reason: Refused, text: str = "") -> ApiError:
    """The error for a request without a valid key; ``text`` says more than the usual one."""
    error = ApiError(401, text or _NO_ACCESS[reason], code=reason)
    error.headers = _CHALLENGE
    return error


_LIMITS = {
    Refused.REQUESTS: "requests per minute (requests_per_min)",
    Refused.TOKENS: "tokens per minute (tokens_per_min)",
    Refused.CONCURRENCY: "requests at a time (concurrency)",
    Refused.DAY: "tokens per day in UTC (tokens_per_day)",
    Refused.MONTH: "tokens per month in UTC (tokens_per_month)",
}


def over_limit(
    reason: Refused,
    title: str,
    limit: int,
    seconds: float,
    *,
    tokens: float = 0,
    left: float | None = None,
) -> ApiError:
    """The error for a request beyond a limit of its key's holder or group, by its ``title``.

    ``seconds`` until it has room, ``tokens`` that it is expected to take, ``left`` of the budget.
    """
    text = f"{title} allows {limit} {_LIMITS[reason]}."
    if tokens:
        text += f" This request is expected to take {math.ceil(tokens)}, its prompt included"
        text += "." if left is None else f", and {math.floor(left)} are left."
        text += " A lower max_tokens lowers that."
    again = max(1, math.ceil(seconds))
    return ApiError(429, f"{text} Try again in {again} s.", code=reason, retry_after=again)


def too_many_failures(most: int, seconds: float) -> ApiError:
    """The error for an address that has sent too many wrong keys."""
    return ApiError(
        429,
        f"More than {most} wrong API keys a minute have come from this address "
        "(access.failures_per_min). Try again later, with a valid one.",
        code=Refused.FAILURES,
        retry_after=max(1, math.ceil(seconds)),
    )


def no_key_set() -> ApiError:
    """The error for a token while the key set that proves tokens has not been read."""
    return ApiError(
        503,
        "The gateway has not got the key set that proves tokens yet (access.jwt.jwks); its log "
        "says why. Try again later.",
        code=Refused.NO_KEY_SET,
        retry_after=5,
    )


def model_not_allowed(model: str, name: str) -> ApiError:
    """The error for a model that a holder may not use, whether or not a worker serves it."""
    asked = f"the model `{model[:200]}`" if model else "a request that names no model"
    return ApiError(
        403,
        f"The API key of {name} does not allow {asked}. GET /v1/models lists the models that it "
        "allows.",
        code=Refused.MODEL,
        param="model",
    )
