"""A request to /v1/chat/completions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.logprobs import check_logprobs
from gateway.emulator.dialects.openai_request import OpenAiRequest
from gateway.emulator.dialects.thinking import Effort
from gateway.emulator.dialects.tools import choose_calls, read_tools
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.parts import as_text, check_messages, read_parts
from gateway.emulator.prompts.prompt import EmulatorPrompt, Turn, conversation_prompt

_RESULTS = ("tool", "function")


class Message(BaseModel):
    """One chat message."""

    role: str
    content: str | list[dict[str, Any] | str] | None = None
    tool_calls: list[dict[str, Any]] | None = None

    def turn(self) -> Turn:
        """The message as the model reads it.

        Raises:
            VllmError: 400, a part that the model cannot read.
        """
        text, image_tokens = read_parts(self.content, "messages")
        calls = [as_text(call.get("function")) for call in self.tool_calls or ()]
        return Turn(self.role, "\n".join([part for part in (text, *calls) if part]), image_tokens)


class ChatRequest(OpenAiRequest):
    """The fields of a chat request that the emulator reads."""

    messages: list[Message]
    max_completion_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = False
    top_logprobs: int | None = 0
    echo: bool = False
    include_reasoning: bool = True
    reasoning_effort: Effort | None = None

    @property
    def limit(self) -> TokenLimit:
        """The most output tokens."""
        if self.max_completion_tokens is not None:
            return TokenLimit("max_completion_tokens", self.max_completion_tokens)
        return TokenLimit("max_tokens", self.max_tokens)

    @property
    def hides_thoughts(self) -> bool:
        """Whether the answer leaves out the thinking."""
        return not self.include_reasoning

    @property
    def names_tool(self) -> bool:
        """Whether the request names the tool to call. vLLM's finish reason is then "stop"."""
        return isinstance(self.tool_choice, dict)

    @property
    def forces_tool(self) -> bool:
        """Whether the request demands a call."""
        return self.names_tool or self.tool_choice == "required"

    def demand(self, body: dict[str, Any]) -> Demand:
        """What the request asks of its answers.

        Raises:
            VllmError: 400.
        """
        if self.tools == []:
            message = "`tools` must not be an empty array. Provide a tool or omit the field."
            raise VllmError(message, param="tools")
        if self.top_logprobs and not self.logprobs:
            message = "when using `top_logprobs`, `logprobs` must be set to true."
            raise VllmError(message, param="top_logprobs")
        check_logprobs(self.top_logprobs, "top_logprobs")
        if self.echo:
            raise VllmError("The emulated model does not repeat a message.", param="echo")
        calls = choose_calls(
            read_tools(self.tools),
            self.tool_choice,
            parallel=self.parallel_tool_calls,
            after_result=bool(self.messages) and self.messages[-1].role in _RESULTS,
        )
        return self.openai_demand(body, calls)


def chat_prompt(
    messages: list[Message], body: dict[str, Any], tools: list[dict[str, Any]] | None = None
) -> EmulatorPrompt:
    """The prompt of a chat, with the tokens that a chat template would add.

    Raises:
        VllmError: 400, there is no message, or a part that the model cannot read.
    """
    check_messages(messages)
    return conversation_prompt([message.turn() for message in messages], body, tools)
