"""The reply to a request for embeddings."""

from __future__ import annotations

import base64
import math
import struct
import time
from dataclasses import dataclass
from typing import Any, Literal

from starlette.types import Receive, Scope, Send

from gateway.emulator.answers.choice import Choice
from gateway.emulator.answers.make import answer_rng
from gateway.emulator.body import Int64, ModelRequest, TextOrTokens
from gateway.emulator.dialects.usage import full_usage
from gateway.emulator.errors import VllmError
from gateway.emulator.json_text import JsonReply
from gateway.emulator.prompts.prompt import EmulatorPrompt
from gateway.emulator.worker import EmulatedWorker

VECTOR_SIZE = 16
"""Components of an embedding."""


class EmbeddingRequest(ModelRequest):
    """POST /v1/embeddings."""

    input: TextOrTokens
    encoding_format: Literal["float", "base64"] = "float"
    priority: Int64 = 0
    dimensions: int | None = None

    def check_dimensions(self, model: str) -> None:
        """Refuse a size of the vectors, as vLLM does for models that have one size only.

        Raises:
            VllmError: 400.
        """
        if self.dimensions is not None:
            message = (
                f"Model '{model}' does not support Matryoshka embeddings; dimensions must be "
                f"unset (received dimensions={self.dimensions})."
            )
            raise VllmError(message)


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
            Choice(index, prompt.tokens, [], "stop", ends=False)
            for index, prompt in enumerate(self.prompts)
        ]
        async with self.worker.generation(prefills, receive, priority=self.priority) as generation:
            await generation.tokens()
            if not generation.closed:
                await JsonReply(self._body())(scope, receive, send)

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
