"""Outages: models whose jobs wait while no healthy worker serves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outages:
    """Since when each model is without a healthy worker, and whether its jobs are rejected.

    An outage begins with the first call of ``note`` for a model. ``grace`` seconds later the
    model's waiting and new jobs are rejected, until a worker serves the model again.
    """

    grace: float
    _began: dict[str, float] = field(default_factory=dict)
    _rejecting: set[str] = field(default_factory=set)

    def note(self, model: str, now: float) -> bool:
        """Note that jobs of the model wait without a worker at ``now`` (seconds).

        Returns whether the grace is over.
        """
        if now - self._began.setdefault(model, now) >= self.grace:
            self._rejecting.add(model)
        return model in self._rejecting

    def rejects(self, model: str) -> bool:
        """Whether new jobs of the model are rejected at once."""
        return model in self._rejecting

    def end(self, served: Callable[[str], bool]) -> None:
        """End the outage of each model for which ``served`` is true."""
        for model in [model for model in self._began if served(model)]:
            del self._began[model]
            self._rejecting.discard(model)
