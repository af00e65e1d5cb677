"""The answer to a chat request.

Each event is pasted from a prefix that is made once per stream. A JSON dump per token would cost
more than everything else that the emulator does.
"""

from __future__ import annotations

from typing import Any

from gateway.emulator.answers.choice import Choice, Part, Token
from gateway.emulator.answers.logprobs import TokenLogprob, choice_logprobs, last_logprob
from gateway.emulator.answers.words import escaped
from gateway.emulator.dialects.chat.request import ChatRequest
from gateway.emulator.dialects.reply import Frame
from gateway.emulator.dialects.usage import (
    DONE,
    FINGERPRINT,
    TRANSFERS,
    full_usage,
    last_usage,
    usage_body,
)
from gateway.emulator.json_text import dumps


class ChatDialect:
    """Writes the answer to one chat request."""

    def __init__(self, request: ChatRequest, frame: Frame) -> None:
        self.request = request
        self.frame = frame
        self._head = f"data: {dumps(frame.head('chat.completion.chunk'))[:-1]},"

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""
        return bool(self.request.stream)

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        """The whole answer."""
        tokens = sum(choice.output_tokens for choice in choices)
        body = {
            **self.frame.head("chat.completion"),
            "choices": [self._choice(choice) for choice in choices],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": full_usage(self.frame.prompt_tokens, tokens),
        }
        unset = ("prompt_logprobs", "prompt_token_ids", "prompt_text")
        return {**body, **dict.fromkeys((*unset, *TRANSFERS))}

    def _choice(self, choice: Choice) -> dict[str, Any]:
        text = choice.texts("text")
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= dict.fromkeys(("refusal", "annotations", "audio", "function_call"))
        if choice.calls:
            # As in vLLM: empty where the request demands a call, none where the model chose it.
            message["content"] = text or ("" if self.request.forces_tool else None)
            message["tool_calls"] = [_call(part) for part in choice.calls]
        message["reasoning"] = choice.texts("thoughts") or None
        return {
            "index": choice.index,
            "message": message,
            "logprobs": self._logprobs(choice),
            "finish_reason": self._finish_reason(choice),
            "stop_reason": choice.stop_reason,
            "token_ids": None,
            "routed_experts": None,
        }

    def _logprobs(self, choice: Choice) -> dict[str, Any] | None:
        if not self.request.logprobs:
            return None
        top = self.request.top_logprobs or 0
        tokens = choice_logprobs(choice, top)
        return {"content": [_logprob(token, top) for token in tokens]}

    def _finish_reason(self, choice: Choice) -> str:
        called = choice.calls and choice.finish_reason == "stop" and not self.request.names_tool
        return "tool_calls" if called else choice.finish_reason

    def opening(self, choices: list[Choice]) -> list[bytes]:
        """The role of each choice."""
        return [self._role(choice) for choice in choices]

    def _role(self, choice: Choice) -> bytes:
        delta = (
            f'{{"index":{choice.index},"delta":{{"role":"assistant","content":""}},'
            f'"logprobs":null,"finish_reason":null}}'
        )
        tail = '"prompt_token_ids":null,"prompt_text":null'
        return f'{self._head}"choices":[{delta}]{self._usage(choice)},{tail}}}\n\n'.encode()

    def token(self, choice: Choice, token: Token) -> bytes:
        """The event of one token; none for a token of a call's frame, as in vLLM."""
        delta = _delta(choice, token)
        if not delta and not token.finish:
            return b""
        reason = f'"{self._finish_reason(choice)}"' if token.finish else "null"
        stop = f'"stop_reason":{dumps(choice.stop_reason)},' if token.finish else ""
        last = token.finish and not self.request.include_usage
        end = f',"system_fingerprint":"{FINGERPRINT}"' if last else ""
        return (
            f'{self._head}"choices":[{{"index":{choice.index},"delta":{{{delta}}},'
            f'"logprobs":{self._token_logprobs(choice, token)},"finish_reason":{reason},{stop}'
            f'"token_ids":null}}]{self._usage(choice)}{end}}}\n\n'
        ).encode()

    def _token_logprobs(self, choice: Choice, token: Token) -> str:
        if not self.request.logprobs:
            return "null"
        top = self.request.top_logprobs or 0
        return dumps({"content": [_logprob(last_logprob(choice, token.piece, top), top)]})

    def closing(self, choices: list[Choice]) -> bytes:
        """The usage of the whole answer, if asked for, and the end."""
        if not self.request.include_usage:
            return DONE
        return last_usage(self._head, self.frame.prompt_tokens, choices) + DONE

    def _usage(self, choice: Choice) -> str:
        if not self.request.continuous_usage:
            return ""
        usage = usage_body(choice.prompt_tokens, choice.sent)
        return f',"usage":{dumps({**usage, "completion_tokens_details": None})}'


def _delta(choice: Choice, token: Token) -> str:
    """The inside of the ``delta`` of a token."""
    part, piece = token.part, escaped(token.piece)
    if part.kind == "text":
        return f'"content":"{piece}"'
    if part.kind == "thoughts":
        return f'"reasoning":"{piece}"' if piece else ""
    index = choice.calls.index(part)
    if token.opens:
        head = {"id": part.call_id, "type": "function", "index": index}
        return f'"content":null,"tool_calls":[{dumps({**head, "function": {"name": part.name}})}]'
    function = f'"function":{{"arguments":"{piece}"}}'
    return f'"content":null,"tool_calls":[{{"index":{index},{function}}}]' if piece else ""


def _call(part: Part) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.text}
    return {"id": part.call_id, "type": "function", "function": function}


def _logprob(read: TokenLogprob, top: int) -> dict[str, Any]:
    tops = [_entry(token, logprob) for token, logprob in read.top[:top]]
    return {**_entry(read.token, read.logprob), "top_logprobs": tops}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
