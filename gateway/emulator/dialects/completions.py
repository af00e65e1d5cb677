"""POST /v1/completions: the request and its answer."""

from __future__ import annotations

from typing import Any

from gateway.emulator.answers.choice import Choice, Token
from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.logprobs import (
    TokenLogprob,
    check_logprobs,
    choice_logprobs,
    last_logprob,
    token_logprob,
)
from gateway.emulator.answers.words import escaped
from gateway.emulator.body import TextOrTokens
from gateway.emulator.dialects.openai_request import OpenAiRequest
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
from gateway.emulator.prompts.prompt import EmulatorPrompt
from gateway.emulator.prompts.tokens import tokenize


class CompletionRequest(OpenAiRequest):
    """The fields of a completion request that the emulator reads."""

    prompt: TextOrTokens | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    echo: bool = False

    @property
    def echo_only(self) -> bool:
        """Whether the answer is the prompt alone. As in vLLM, one token is made all the same."""
        return self.echo and self.max_tokens == 0

    @property
    def limit(self) -> TokenLimit:
        """The most output tokens."""
        given = 16 if self.max_tokens is None else self.max_tokens
        return TokenLimit("max_tokens", 1 if self.echo_only else given)

    def demand(self, body: dict[str, Any]) -> Demand:
        """What the request asks of its answers.

        Raises:
            VllmError: 400.
        """
        check_logprobs(self.logprobs, "logprobs")
        return self.openai_demand(body)


class CompletionDialect:
    """Writes the answer to one completion request."""

    def __init__(
        self, request: CompletionRequest, frame: Frame, prompts: list[EmulatorPrompt]
    ) -> None:
        self.request = request
        self.frame = frame
        self._prompts = prompts
        self._head = f"data: {dumps(frame.head('text_completion'))[:-1]},"

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""
        return bool(self.request.stream)

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        """The whole answer."""
        tokens = sum(choice.output_tokens for choice in choices)
        body = {
            **self.frame.head("text_completion"),
            "choices": [self._choice(choice) for choice in choices],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": full_usage(self.frame.prompt_tokens, tokens),
        }
        return {**body, **dict.fromkeys(TRANSFERS)}

    def _choice(self, choice: Choice) -> dict[str, Any]:
        unset = ("token_ids", "prompt_logprobs", "prompt_token_ids", "routed_experts")
        made = "" if self.request.echo_only else choice.texts("text")
        logprobs = None
        if (top := self.request.logprobs) is not None:
            read = [] if self.request.echo_only else choice_logprobs(choice, top)
            logprobs = _logprobs([*self._echoed_logprobs(choice, top), *read], 0)
        return {
            "index": choice.index,
            "text": self._echoed(choice) + made,
            "logprobs": logprobs,
            "finish_reason": choice.finish_reason,
            "stop_reason": choice.stop_reason,
            **dict.fromkeys(unset),
        }

    def _echoed(self, choice: Choice) -> str:
        """The prompt of a choice, where the request asks for it again."""
        if not self.request.echo:
            return ""
        return self._prompts[choice.index // (self.request.n or 1)].text

    def _echoed_logprobs(self, choice: Choice, top: int) -> list[TokenLogprob | str]:
        """Those of the prompt's tokens; nothing comes before the first, which has none."""
        tokens = tokenize(self._echoed(choice))
        return [token_logprob(token, at, top) if at else token for at, token in enumerate(tokens)]

    def opening(self, choices: list[Choice]) -> list[bytes]:
        """Nothing."""
        return []

    def token(self, choice: Choice, token: Token) -> bytes:
        """The event of one token; the first one of a choice repeats the prompt, if asked to."""
        first = choice.sent == 1
        text = self._echoed(choice) if first else ""
        text = escaped(text) + ("" if self.request.echo_only else escaped(token.piece))
        reason = f'"{token.finish}"' if token.finish else "null"
        stop = dumps(choice.stop_reason) if token.finish else "null"
        last = token.finish and not self.request.include_usage
        end = f',"system_fingerprint":"{FINGERPRINT}"' if last else ""
        return (
            f'{self._head}"choices":[{{"index":{choice.index},"text":"{text}",'
            f'"logprobs":{self._token_logprobs(choice, token)},"finish_reason":{reason},'
            f'"stop_reason":{stop},"prompt_token_ids":null,"token_ids":null}}]'
            f"{self._usage(choice)}{end}}}\n\n"
        ).encode()

    def _token_logprobs(self, choice: Choice, token: Token) -> str:
        top = self.request.logprobs
        if top is None:
            return "null"
        echoed = self._echoed_logprobs(choice, top) if choice.sent == 1 else []
        made = [] if self.request.echo_only else [last_logprob(choice, token.piece, top)]
        offset = 0
        if choice.sent > 1:
            offset = len(self._echoed(choice)) + choice.chars_before(choice.sent - 1)
        return dumps(_logprobs([*echoed, *made], offset))

    def closing(self, choices: list[Choice]) -> bytes:
        """The usage of the whole answer, if asked for, and the end."""
        if not self.request.include_usage:
            return DONE
        return last_usage(self._head, self.frame.prompt_tokens, choices) + DONE

    def _usage(self, choice: Choice) -> str:
        if not self.request.continuous_usage:
            return ""
        return f',"usage":{dumps(usage_body(choice.prompt_tokens, choice.sent))}'


def _logprobs(tokens: list[TokenLogprob | str], offset: int) -> dict[str, Any]:
    """The log probabilities of tokens, the first of which begins after ``offset`` characters."""
    offsets, names = [], [token if isinstance(token, str) else token.token for token in tokens]
    for name in names:
        offsets.append(offset)
        offset += len(name)
    read = [None if isinstance(token, str) else token for token in tokens]
    return {
        "text_offset": offsets,
        "token_logprobs": [token.logprob if token else None for token in read],
        "tokens": names,
        "top_logprobs": [dict(token.top) if token else None for token in read],
    }
