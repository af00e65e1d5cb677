"""A request to /v1/messages, and one to count its tokens."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from gateway.emulator.answers.calls import Calls
from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.stops import Stops, strings_of
from gateway.emulator.body import GenerationRequest, ModelRequest
from gateway.emulator.dialects.formats import read_format
from gateway.emulator.dialects.thinking import thinking_tokens
from gateway.emulator.dialects.tools import choose_calls, read_tools
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.parts import check_messages, read_parts
from gateway.emulator.prompts.prompt import EmulatorPrompt, Turn, conversation_prompt

Content = str | list[dict[str, Any]]


class AnthropicMessage(BaseModel):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: Content

    @property
    def has_result(self) -> bool:
        """Whether it holds the result of a tool."""
        parts = self.content if isinstance(self.content, list) else []
        return any(part.get("type") == "tool_result" for part in parts)


class AnthropicTool(BaseModel):
    """A tool that the client runs."""

    model_config = ConfigDict(extra="allow")

    name: str
    input_schema: dict[str, Any]


class CountTokensRequest(ModelRequest):
    """POST /v1/messages/count_tokens."""

    messages: list[AnthropicMessage]
    system: Content | None = None
    tools: list[AnthropicTool] | None = None

    def tool_list(self) -> list[dict[str, Any]]:
        """The tools as they were given."""
        return [tool.model_dump() for tool in self.tools or ()]

    def prompt(self, body: dict[str, Any]) -> EmulatorPrompt:
        """The prompt: the system text and the messages.

        Raises:
            VllmError: 400, there is no message, or a part that the emulated model cannot read.
        """
        check_messages(self.messages)
        system = [Turn("system", *read_parts(self.system, "system"))] if self.system else []
        said = [Turn(m.role, *read_parts(m.content, "messages")) for m in self.messages]
        return conversation_prompt([*system, *said], body, self.tool_list())


class ToolChoice(BaseModel):
    """``tool_choice``."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(BaseModel):
    """``thinking``."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Any = None


class OutputConfig(BaseModel):
    """``output_config``, but for the format."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class MessagesRequest(CountTokensRequest, GenerationRequest):
    """POST /v1/messages."""

    max_tokens: int
    stop_sequences: list[str] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None

    def demand(self, body: dict[str, Any]) -> Demand:
        """What the request asks of its answer; ``body`` is its JSON.

        Raises:
            VllmError: 400.
        """
        self._check_thinking()
        return Demand(
            limit=TokenLimit("max_tokens", self.max_tokens),
            target_tokens=self.target_tokens,
            ignore_eos=self.ignore_eos,
            stops=Stops(strings_of(self.stop_sequences)),
            calls=self._calls(),
            format=read_format(body),
            thoughts=thinking_tokens(body),
            seed=self.seed,
            temperature=self.temperature,
        )

    def _calls(self) -> Calls | None:
        choice = self.tool_choice or ToolChoice(type="auto")
        together = choice.disable_parallel_tool_use
        return choose_calls(
            read_tools(self.tool_list()),
            {"name": choice.name} if choice.type == "tool" else choice.type,
            parallel=None if together is None else not together,
            after_result=bool(self.messages) and self.messages[-1].has_result,
        )

    def _check_thinking(self) -> None:
        if self.thinking is None or self.thinking.type != "enabled":
            return
        budget = self.thinking.budget_tokens
        if not isinstance(budget, int) or budget < 1024:
            message = "thinking.budget_tokens must be at least 1024"
            raise VllmError(message, param="thinking.budget_tokens", value=budget)
        if budget >= self.max_tokens:
            message = "thinking.budget_tokens must be less than max_tokens"
            raise VllmError(message, param="thinking.budget_tokens", value=budget)
