"""Model choice: which served models may answer a request, by the settings of ``models``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from gateway.config.models import Models
from gateway.protocol.headers import KEYS, first_values
from gateway.protocol.openai import ApiRequest
from gateway.scheduling.affinity import session_of

HASHED_BYTES = 32_768
"""Bytes at the beginning and at the end of a body that make it one request among others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The models that may answer a request, in the order in which they are tried.

    ``name`` is the name that the configuration has for the choice; "" where it says nothing.
    ``reason`` is why the first model is not simply the one that was asked for: ``default``,
    ``alias`` or ``split``; "" where it is.
    """

    models: tuple[str, ...]
    name: str = ""
    reason: str = ""


def choose(
    settings: Models, asked: str | None, share: Callable[[], float], takes: Callable[[str], bool]
) -> Choice:
    """The choice for a request that asks for a model, or for none and there is a default.

    Args:
        settings: the section ``models``; not needed to be in use.
        asked: the client's name for a model.
        share: gives the place (0 to below 1) that the request has in a split; called for splits.
        takes: whether a split may send the request to a model.
    """
    name = asked or settings.default or ""
    first, passed = _resolved(settings, name, share, takes)
    others = next((settings.fallbacks[one] for one in passed if one in settings.fallbacks), ())
    models = [first, *(_resolved(settings, other, share, takes)[0] for other in others)]
    if not asked:
        reason = "default"
    elif any(one in settings.splits for one in passed):
        reason = "split"
    else:
        reason = "alias" if len(passed) > 1 else ""
    known = bool(reason) or len(models) > 1
    return Choice(tuple(dict.fromkeys(models)), name if known else "", reason)


def reachable(settings: Models, name: str) -> list[str]:
    """The served models that a name can mean by aliases and splits, in the order of the settings.

    A model that a split gives no share is not among them.
    """
    if name in settings.aliases:
        return reachable(settings, settings.aliases[name])
    sharing = [one for one, weight in settings.splits.get(name, {}).items() if weight]
    if not sharing:
        return [name]
    found = ([one] if one == name else reachable(settings, one) for one in sharing)
    return [model for models in found for model in models]


def _resolved(
    settings: Models, name: str, share: Callable[[], float], takes: Callable[[str], bool]
) -> tuple[str, list[str]]:
    """The served model that a name means, and all names on the way to it, both ends included."""
    passed = [name]
    while True:
        if name in settings.aliases:
            name = settings.aliases[name]
        elif name in settings.splits:
            before, name = name, _part(settings.splits[name], share(), takes)
            if name == before:
                return name, passed
        else:
            return name, passed
        passed.append(name)


def _part(weights: Mapping[str, float], place: float, takes: Callable[[str], bool]) -> str:
    """The model at a place of a split, among those that may take the request."""
    sharing = {name: weight for name, weight in weights.items() if weight}
    sharing = {name: weight for name, weight in sharing.items() if takes(name)} or sharing
    ends = list(accumulate(sharing.values()))
    inside = (name for name, end in zip(sharing, ends, strict=True) if place * ends[-1] < end)
    return next(inside, list(sharing)[-1])


def place_in_split(sticky: str, request: ApiRequest, headers: Mapping[str, str]) -> float:
    """The place of a request in every split, from 0 to below 1; ``sticky`` as in ``models``."""
    identity = session_of(request, headers) if sticky != "request" else ""
    if not identity and sticky == "key":
        values = first_values(headers)
        identity = next((values[name] for name in KEYS if values.get(name)), "")
    text = identity.encode("utf-8", "replace") or _ends(request.body)
    return int.from_bytes(blake2b(text, digest_size=6).digest()) / 2**48


def _ends(body: bytes) -> bytes:
    """A small body, or both ends of a large one: conversations begin alike, and grow."""
    if len(body) <= 2 * HASHED_BYTES:
        return body
    return body[:HASHED_BYTES] + body[-HASHED_BYTES:]
