"""Settings of the models' names: the section ``models``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.config.section import Section

Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
"""Name of a model, as clients send it or as a worker serves it."""

Weight = Annotated[float, Field(ge=0, le=1_000_000)]
"""Share of a split, relative to the split's other shares."""


class Models(Section):
    """Which model a request gets, beside the name that it sends."""

    default: Name | None = None
    """Model of requests that name none: a served model, an alias or a split. null: the served
    model, where the workers serve but one."""
    aliases: dict[Name, Name] = Field(default={})
    """Names that clients may send -> the model that they mean, such as gpt-4o: llama-3.1-70b. The
    model may be another alias or a split. An alias counts before a served model of the same name.
    """
    splits: dict[Name, dict[Name, Weight]] = Field(default={})
    """Names that clients may send -> the models that share their requests, with weights, such as
    llama: {llama: 95, llama-v2: 5}. A model of the split's own name is the served one. A weight of
    0 keeps a model in the list without requests."""
    sticky: Literal["session", "key", "request"] = "session"
    """Requests that a split sends to the same model. session: those of one session (X-Session-Id
    header, `prompt_cache_key` or `user`). key: those of one session, or else of one API key; where
    all clients have one key, all get one model. request: none but equal bodies. A request without
    session and key goes by its body."""
    fallbacks: dict[Name, tuple[Name, ...]] = Field(default={})
    """Names that clients may send, or served models -> the models that are tried in turn where the
    first is down or full (no_healthy_worker, queue_full, worker_failed and the like), before a part
    of the answer has gone out. Fallbacks of fallbacks are not tried."""

    @property
    def used(self) -> bool:
        """Whether any setting can give a request another model than it names."""
        return bool(self.default or self.aliases or self.splits or self.fallbacks)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name in self.aliases.keys() & self.splits.keys():
            raise ValueError(f"{name!r} is in aliases and in splits: remove it from one of them")
        for name, weights in self.splits.items():
            if not sum(weights.values()):
                raise ValueError(
                    f"the weights of splits.{name} are all 0 or none: give one model a weight "
                    "above 0"
                )
        for name in (*self.aliases, *self.splits):
            if circle := _circle(self, name):
                raise ValueError(
                    f"{' -> '.join(circle)} is a circle of names: let one of them mean a served "
                    "model"
                )
        self._check_fallbacks()
        return self

    def _check_fallbacks(self) -> None:
        for name, others in self.fallbacks.items():
            if not others:
                raise ValueError(f"fallbacks.{name} names no model: add one or remove the line")
            if len({name, *others}) <= len(others):
                raise ValueError(
                    f"fallbacks.{name} names a model twice, or {name!r} itself: remove the repeat"
                )


def _circle(models: Models, start: str) -> list[str]:
    """The names from ``start`` back to a name that came before; [] without a circle."""
    waiting: list[list[str]] = [[start]]
    while waiting:
        path = waiting.pop()
        for name in _meant(models, path[-1]):
            if name in path:
                return [*path, name]
            waiting.append([*path, name])
    return []


def _meant(models: Models, name: str) -> Iterator[str]:
    """The names that a name can mean; none for a served model's."""
    if name in models.aliases:
        yield models.aliases[name]
    weights: Mapping[str, float] = models.splits.get(name, {})
    yield from (one for one in weights if one != name)
