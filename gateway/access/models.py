"""Models: which of them a holder may use, and by which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gateway.access.directory import Holder
from gateway.access.refusals import model_not_allowed


def target_model(name: str, holder: Holder | None) -> str:
    """The model that a holder means by a name; "" stands for a request that names none.

    Raises:
        ApiError: he may not use it, whether or not it exists.
    """
    if holder is None:
        return name
    if target := (holder.rights.aliases or {}).get(name):
        return target
    check_model(name, holder)
    return name


def check_model(name: str, holder: Holder) -> None:
    """Check that a holder may use a model.

    Raises:
        ApiError: he may not.
    """
    if not _allowed(name, holder):
        raise model_not_allowed(name, holder.name)


def allowed_models(names: Sequence[str], holder: Holder) -> tuple[str, ...]:
    """Those of the models that a request may go to which its holder may use, the first in any case.

    The first is what he has asked for by a name that he may use.
    """
    return (names[0], *(name for name in names[1:] if _allowed(name, holder)))


def _allowed(name: str, holder: Holder) -> bool:
    rights = holder.rights
    if rights.models is None or name in (rights.aliases or {}).values():
        return True
    return any(fnmatchcase(name, pattern) for pattern in rights.models)


def shown_models(
    models: Mapping[str, dict[str, Any]], holder: Holder | None
) -> Mapping[str, dict[str, Any]]:
    """The entries of `GET /v1/models` that a holder may see, his aliases among them."""
    if holder is None:
        return models
    shown = {name: entry for name, entry in models.items() if _allowed(name, holder)}
    for alias, name in (holder.rights.aliases or {}).items():
        if name in models:
            shown[alias] = {**models[name], "id": alias}
    return shown
