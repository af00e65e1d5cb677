"""A request to /v1/responses."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.emulator.answers.calls import Calls
from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.stops import Stops, strings_of
from gateway.emulator.body import GenerationRequest
from gateway.emulator.dialects.formats import read_format
from gateway.emulator.dialects.thinking import Effort, thinking_tokens
from gateway.emulator.dialects.tools import choose_calls, read_tools
from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.parts import as_text, read_parts
from gateway.emulator.prompts.prompt import EmulatorPrompt, Turn, conversation_prompt

Include = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
]

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_RESULTS = ("function_call_output", "custom_tool_call_output")


class Reasoning(BaseModel):
    """``reasoning``."""

    model_config = ConfigDict(extra="allow")

    effort: Effort | None = None


class ResponsesRequest(GenerationRequest):
    """The fields of a request that the emulator reads or repeats in its answer."""

    background: bool | None = False
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = True
    previous_response_id: str | None = None
    reasoning: Reasoning | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] = "auto"
    store: bool | None = True
    text: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list)
    top_logprobs: int | None = 0
    truncation: Literal["auto", "disabled"] | None = "disabled"
    user: str | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    include: list[Include] | None = None
    include_reasoning: bool = True
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    include_stop_str_in_output: bool = False

    def demand(self, body: dict[str, Any]) -> Demand:
        """What the request asks of its answer; ``body`` is its JSON.

        Raises:
            VllmError: 400.
        """
        if self.top_logprobs or "message.output_text.logprobs" in (self.include or ()):
            message = "The emulated model has log probabilities for chat and completions only."
            raise VllmError(message, param="top_logprobs")
        if self.background and self.store is False:
            message = "background can only be used when `store` is true"
            raise VllmError(message, param="background")
        if self.background and self.stream:
            message = "The emulated worker streams no response that it makes in the background."
            raise VllmError(message, param="background")
        return Demand(
            limit=TokenLimit("max_output_tokens", self.max_output_tokens),
            target_tokens=self.target_tokens,
            ignore_eos=self.ignore_eos,
            stops=Stops(
                strings_of(self.stop),
                frozenset(self.stop_token_ids or ()),
                shown=self.include_stop_str_in_output,
            ),
            calls=self._calls(),
            format=read_format(body),
            thoughts=thinking_tokens(body),
            hides_thoughts=not self.include_reasoning,
            seed=self.seed,
            temperature=self.temperature,
        )

    def _calls(self) -> Calls | None:
        tools, choice = read_tools(self.tools), self.tool_choice
        if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            allowed = choice.get("tools")
            allowed = allowed if isinstance(allowed, list) else []
            names = [tool.get("name") for tool in allowed if isinstance(tool, dict)]
            tools = tuple(tool for tool in tools if tool.name in names)
            choice = str(choice.get("mode"))
        last = self.input[-1] if isinstance(self.input, list) and self.input else {}
        return choose_calls(
            tools,
            choice,
            # The field's default is true; several calls are made where it says so itself.
            parallel=self.parallel_tool_calls and "parallel_tool_calls" in self.model_fields_set,
            after_result=last.get("type") in _RESULTS if isinstance(last, dict) else False,
        )

    def turns(self) -> list[Turn]:
        """The messages of the request itself, without its instructions.

        Raises:
            VllmError: 400, an item that the emulated model cannot read.
        """
        if isinstance(self.input, str):
            return [Turn("user", self.input)]
        return [_turn(item) for item in self.input]

    def prompt(self, earlier: list[Turn], body: dict[str, Any]) -> EmulatorPrompt:
        """The prompt: instructions, earlier turns of the conversation, and the request's own."""
        system = [Turn("system", self.instructions)] if self.instructions else []
        return conversation_prompt([*system, *earlier, *self.turns()], body, self.tools)


def _turn(item: dict[str, Any]) -> Turn:
    """One item of the input as the model reads it."""
    kind = str(item.get("type", "message"))
    if kind == "message" and "role" in item:
        return Turn(str(item["role"]), *read_parts(item.get("content"), "input"))
    if kind in _CALLS:
        call = {"name": item.get("name"), "arguments": item.get(_CALLS[kind])}
        return Turn("assistant", as_text(call))
    if kind in _RESULTS:
        return Turn("tool", *read_parts(item.get("output"), "input"))
    if kind == "reasoning":
        return Turn("assistant", *read_parts(item.get("content"), "input"))
    message = (
        f"The emulated model reads messages, tool calls and their results, not {kind!r} items."
    )
    raise VllmError(message, param="input")
