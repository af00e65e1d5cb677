"""Tool calls: which tools an answer may call, which it must, and the calls themselves."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

from gateway.emulator.answers.choice import Part
from gateway.emulator.answers.structured.format import AnswerFormat
from gateway.emulator.answers.structured.merge import meaning
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.tokens import count_tokens

FRAME_TOKENS = 3
"""Tokens by which a model begins and ends a call, besides its name and its arguments."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that an answer may call; ``parameters`` is the JSON schema of its arguments."""

    name: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that an answer makes: one, or with ``several`` one of each of two tools.

    ``free``: the answer need not call any.
    """

    tools: tuple[Tool, ...]
    field: str
    several: bool = False
    free: bool = False

    def parts(self, rng: random.Random, tokens: int) -> list[Part]:
        """Calls of about so many tokens in all, as far as the arguments have free strings.

        A tool whose arguments cannot be made up is not called where another one can be. Where the
        choice is free, there may be no call: vLLM then looks at no schema.

        Raises:
            VllmError: 400 that names a tool, a call is demanded and the arguments of none can be
                made up.
        """
        wanted = min(len(self.tools), 2 if self.several else 1)
        calls: list[Part] = []
        refusal: VllmError | None = None
        for tool in rng.sample(self.tools, len(self.tools)):
            try:
                calls.append(self._call(tool, rng, tokens // wanted))
            except VllmError as error:
                refusal = error
            if len(calls) == wanted:
                break
        if refusal and not calls and not self.free:
            raise refusal
        return calls

    def _call(self, tool: Tool, rng: random.Random, tokens: int) -> Part:
        head = FRAME_TOKENS + count_tokens(tool.name)
        arguments = AnswerFormat("json", _arguments(tool), f"{self.field}[{tool.name}]")
        pieces = [""] * head + arguments.pieces(rng, tokens - head)
        return Part("call", pieces, tool.name, f"chatcmpl-tool-{uuid.uuid4().hex}")


def _arguments(tool: Tool) -> dict[str, Any]:
    """The schema of the arguments; one that names none is for a function without arguments."""
    schema = {"type": "object", **(tool.parameters or {})}
    open_to_all: tuple[tuple[str, Any], ...] = (
        ("properties", {}),
        ("required", []),
        ("additionalProperties", True),
    )
    said = [item for item in meaning(schema).items() if item not in open_to_all]
    return {**schema, "additionalProperties": False} if said == [("type", "object")] else schema
