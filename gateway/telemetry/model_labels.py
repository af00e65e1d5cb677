"""ModelLabels: models as labels of metrics, so many at most."""

from __future__ import annotations

MOST_MODELS = 100
"""Models with series of their own. A worker may serve thousands of adapters, and each model has
some hundred series."""

OTHER = "(other)"
"""The label of all models beyond the first ``MOST_MODELS``."""


class ModelLabels:
    """Gives each of the first models a label of its own."""

    def __init__(self, most: int = MOST_MODELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, model: str) -> str:
        """The label of a model: its name, or ``OTHER``."""
        if model in self._known:
            return model
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(model)
        return model
