"""The reply to a request for embeddings."""

from __future__ import annotations

import base64
import math
import struct
import time
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.emulator.answers import answer_rng
from gateway.emulator.choices import Choice
from gateway.emulator.prompts import EmulatorPrompt
from gateway.emulator.stream_events import full_usage
from gateway.emulator.worker import EmulatedWorker

VECTOR_SIZE = 16
"""Components of an embedding."""


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """An ASGI response: a prefill in the engine, then random vectors seeded by the text.

    A vector has ``VECTOR_SIZE`` components and length 1; the same text has the same vector.
    """

    worker: EmulatedWorker
    prompts: list[EmulatorPrompt]
    request_id: str
    model: str
    priority: int
    as_base64: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        prefills = [
            Choice(index, prompt.tokens, 0, "stop", b"")
            for index, prompt in enumerate(self.prompts)
        ]
        async with self.worker.generation(prefills, receive, priority=self.priority) as generation:
            await generation.tokens()
            if not generation.closed:
                await JSONResponse(self._body())(scope, receive, send)

    def _body(self) -> dict[str, Any]:
        vectors = [_vector(prompt.text) for prompt in self.prompts]
        data = [
            {"index": index, "object": "embedding", "embedding": self._encode(vector)}
            for index, vector in enumerate(vectors)
        ]
        return {
            "id": self.request_id,
            "object": "list",
            "created": int(time.time()),
            "model": self.model,
            "data": data,
            "usage": full_usage(sum(prompt.tokens for prompt in self.prompts), 0),
        }

    def _encode(self, vector: list[float]) -> list[float] | str:
        if not self.as_base64:
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _vector(text: str) -> list[float]:
    rng = answer_rng(text, None, 0)
    components = [rng.gauss(0, 1) for _ in range(VECTOR_SIZE)]
    norm = math.hypot(*components)
    return [component / norm for component in components]
