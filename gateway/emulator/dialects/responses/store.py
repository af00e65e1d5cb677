"""The responses that the emulator remembers, as vLLM does with VLLM_ENABLE_RESPONSES_API_STORE."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.prompt import Turn

MOST = 1_000
"""Responses that are remembered; the oldest go first. vLLM never forgets one."""


@dataclass(slots=True)
class Stored:
    """A response, and the conversation that it ends."""

    body: dict[str, Any]
    turns: list[Turn]


class ResponseStore:
    """Responses by id."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Stored] = OrderedDict()

    def put(self, body: dict[str, Any], turns: list[Turn]) -> None:
        """Remember a response with its conversation."""
        self._stored[body["id"]] = Stored(body, turns)
        if len(self._stored) > MOST:
            self._stored.popitem(last=False)

    def get(self, response_id: str) -> Stored:
        """A response.

        Raises:
            VllmError: 404.
        """
        stored = self._stored.get(response_id)
        if stored is None:
            message = f"Response with id '{response_id}' not found."
            raise VllmError(message, status=404, kind="invalid_request_error", param="response_id")
        return stored

    def delete(self, response_id: str) -> None:
        """Forget a response.

        Raises:
            VllmError: 404.
        """
        self.get(response_id)
        del self._stored[response_id]
