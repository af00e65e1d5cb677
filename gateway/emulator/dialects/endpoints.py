"""The endpoints that generate text, but for those of the Responses API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.emulator.context import Context
from gateway.emulator.dialects.chat.answer import ChatDialect
from gateway.emulator.dialects.chat.request import ChatRequest, chat_prompt
from gateway.emulator.dialects.completions import CompletionDialect, CompletionRequest
from gateway.emulator.dialects.generate import choices_of, frame_of, reply_of
from gateway.emulator.dialects.messages.answer import MessagesDialect
from gateway.emulator.dialects.messages.request import CountTokensRequest, MessagesRequest
from gateway.emulator.json_text import JsonReply
from gateway.emulator.prompts.prompt import text_prompts


class GenerationEndpoints:
    """Chat and text completions, and Anthropic's messages."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/messages", self.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", self.count_tokens, methods=["POST"]),
        ]

    async def chat(self, request: Request) -> ASGIApp:
        """POST /v1/chat/completions."""
        parsed, body = await self.context.parse(ChatRequest, request)
        prompts = [chat_prompt(parsed.messages, body, parsed.tools)]
        choices = choices_of(self.context, parsed.demand(body), prompts)
        frame = frame_of(self.context, request, parsed, prompts, "chatcmpl-")
        return reply_of(self.context, request, parsed, ChatDialect(parsed, frame), choices)

    async def completions(self, request: Request) -> ASGIApp:
        """POST /v1/completions."""
        parsed, body = await self.context.parse(CompletionRequest, request)
        prompts = text_prompts(parsed.prompt or "", body, "prompt")
        choices = choices_of(self.context, parsed.demand(body), prompts)
        frame = frame_of(self.context, request, parsed, prompts, "cmpl-")
        dialect = CompletionDialect(parsed, frame, prompts)
        return reply_of(self.context, request, parsed, dialect, choices)

    async def messages(self, request: Request) -> ASGIApp:
        """POST /v1/messages."""
        parsed, body = await self.context.parse(MessagesRequest, request)
        prompts = [parsed.prompt(body)]
        choices = choices_of(self.context, parsed.demand(body), prompts)
        frame = frame_of(self.context, request, parsed, prompts, "chatcmpl-")
        return reply_of(self.context, request, parsed, MessagesDialect(parsed, frame), choices)

    async def count_tokens(self, request: Request) -> Response:
        """POST /v1/messages/count_tokens."""
        parsed, body = await self.context.parse(CountTokensRequest, request)
        tokens = parsed.prompt(body).tokens
        management = {"original_input_tokens": tokens}
        return JsonReply({"input_tokens": tokens, "context_management": management})
