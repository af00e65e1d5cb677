"""LiteLLM asks `lengthwise predict --serve` how long each answer will be.

In LiteLLM's configuration, with this file beside it:

    litellm_settings:
      callbacks: litellm_hook.length_hints

Sets `priority` (expected output tokens: a vLLM with --scheduling-policy priority serves the least
first) where the client has set none, and `metadata.lengthwise`, the whole hint. A forecast that is
late or fails changes nothing. LENGTHWISE_FORECASTS is the URL of the service.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
from litellm.integrations.custom_logger import CustomLogger

URL = os.environ.get("LENGTHWISE_FORECASTS", "http://127.0.0.1:8090/v1/forecasts")
PATIENCE_S = 0.05
"""Seconds for the call: the service's own 5 ms and the way there and back."""
GENERATING = frozenset(("completion", "acompletion", "text_completion", "atext_completion"))


class LengthHints(CustomLogger):
    """The hook."""

    def __init__(self, url: str = URL, patience_s: float = PATIENCE_S) -> None:
        super().__init__()
        self._url = url
        self._client = httpx.AsyncClient(timeout=patience_s)

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Add the forecast to a request before LiteLLM sends it on."""
        if call_type not in GENERATING:
            return data
        names = ("model", "messages", "prompt", "max_tokens", "tools", "response_format")
        body = {name: data[name] for name in names if name in data}
        try:
            answer = await self._client.post(self._url, json=body)
            hint = answer.raise_for_status().json()
            priority = round(hint["mean"])
        except (httpx.HTTPError, ValueError, KeyError):
            return data
        data.setdefault("priority", priority)
        data["metadata"] = {**(data.get("metadata") or {}), "lengthwise": hint}
        return data


length_hints = LengthHints()
