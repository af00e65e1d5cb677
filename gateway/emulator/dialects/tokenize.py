"""The endpoints that turn text into tokens, and back."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulator.body import ModelRequest, TokenIds
from gateway.emulator.context import Context
from gateway.emulator.dialects.chat.request import Message, chat_prompt
from gateway.emulator.json_text import JsonReply
from gateway.emulator.prompts.prompt import text_prompts, token_ids
from gateway.emulator.prompts.tokens import token_text


class TokenizeRequest(ModelRequest):
    """POST /tokenize, with a prompt or with messages."""

    prompt: str | None = None
    messages: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None
    return_token_strs: bool | None = False


class DetokenizeRequest(ModelRequest):
    """POST /detokenize."""

    tokens: TokenIds


class TokenEndpoints:
    """Tokenize and detokenize."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/tokenize", self.tokenize, methods=["POST"]),
            Route("/detokenize", self.detokenize, methods=["POST"]),
        ]

    async def tokenize(self, request: Request) -> Response:
        """POST /tokenize."""
        parsed, body = await self.context.parse(TokenizeRequest, request)
        if parsed.messages is not None:
            prompt = chat_prompt(parsed.messages, body, parsed.tools)
        else:
            prompt = text_prompts(parsed.prompt or "", body, "prompt")[0]
        tokens = token_ids(prompt)
        strings = [token_text(token) for token in tokens] if parsed.return_token_strs else None
        return JsonReply(
            {
                "count": len(tokens),
                "max_model_len": self.context.max_model_len,
                "tokens": tokens,
                "token_strs": strings,
            }
        )

    async def detokenize(self, request: Request) -> Response:
        """POST /detokenize: the text of ``/tokenize`` again."""
        parsed, _ = await self.context.parse(DetokenizeRequest, request)
        return JsonReply({"prompt": "".join(map(token_text, parsed.tokens))})
