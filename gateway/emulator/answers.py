"""Answers: the choices of a request, with their lengths, words and finish reasons."""

from __future__ import annotations

import random
from typing import NamedTuple

from gateway.emulator.choices import Choice, FinishReason, draw_words
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import Lengths, draw_length
from gateway.emulator.prompts import EmulatorPrompt
from gateway.emulator.schemas import SamplingRequest
from scheduler.length import LengthDistribution

MAX_SEQUENCES = 16_384
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")


class TokenLimit(NamedTuple):
    """The most output tokens that a request allows (None: no limit), and the field that says so."""

    field: str
    tokens: int | None


def make_choices(
    request: SamplingRequest,
    prompts: list[EmulatorPrompt],
    lengths: Lengths,
    *,
    limit: TokenLimit,
    max_model_len: int,
) -> list[Choice]:
    """The choices of a request: ``n`` for each prompt, numbered consecutively.

    Raises:
        VllmError: 400 for what vLLM refuses, for instance no room in the context, or n > 1 with
            greedy sampling.
    """
    check_sampling(request)
    _check_limit(limit, max_model_len)
    choices: list[Choice] = []
    for prompt in prompts:
        room = _room(prompt, limit.tokens, max_model_len)
        distribution = _distribution(request, prompt, lengths)
        for child in range(request.n or 1):
            rng = _child_rng(request, prompt, child)
            tokens = _natural_length(request, distribution, rng.random(), room)
            words = draw_words(rng, min(tokens, room))
            reason: FinishReason = "stop" if tokens <= room else "length"
            choices.append(Choice(len(choices), prompt.tokens, len(words), reason, words))
    return choices


def _distribution(
    request: SamplingRequest, prompt: EmulatorPrompt, lengths: Lengths
) -> LengthDistribution | None:
    """The length distribution of the answers to ``prompt``; None if the request fixes the length.

    The distribution ignores the token limits: an answer that a limit cuts has to end with "length".
    """
    if request.target_tokens or request.ignore_eos:
        return None
    return lengths({name: prompt.body[name] for name in prompt.body if name not in LIMIT_FIELDS})


def _natural_length(
    request: SamplingRequest, distribution: LengthDistribution | None, level: float, room: int
) -> int:
    """Tokens after which the answer stops by itself; ``room`` + 1 if only the limit stops it."""
    if distribution is not None:
        return max(request.min_tokens, draw_length(distribution, level))
    return request.target_tokens or room + 1


def _child_rng(request: SamplingRequest, prompt: EmulatorPrompt, child: int) -> random.Random:
    seed = None if request.seed is None else request.seed + child
    return answer_rng(prompt.text, seed, request.temperature)


def answer_rng(prompt: str, seed: int | None, temperature: float | None) -> random.Random:
    """The generator of one sequence: repeatable if the request is greedy or has a seed."""
    if temperature == 0:
        return random.Random(_bytes(f"greedy|{prompt}"))
    if seed is not None:
        return random.Random(_bytes(f"{seed}|{temperature}|{prompt}"))
    return random.Random()


def check_sampling(request: SamplingRequest) -> None:
    """Refuse the sampling fields that vLLM refuses.

    Raises:
        VllmError: 400.
    """
    n = 1 if request.n is None else request.n
    temperature = 1.0 if request.temperature is None else request.temperature
    if n < 1:
        raise VllmError(f"n must be at least 1, got {n}.")
    if n > MAX_SEQUENCES:
        raise VllmError(f"n must be at most {MAX_SEQUENCES}, got {n}.")
    if not 0 <= temperature <= 2:
        raise VllmError(f"temperature must be in [0, 2], got {temperature}.", param="temperature")
    if temperature == 0 and n > 1:
        raise VllmError(f"n must be 1 when using greedy sampling, got {n}.")
    if request.stream_options is not None and not request.stream:
        message = "Stream options can only be defined when `stream=True`."
        raise VllmError(message, param="stream_options")


def _check_limit(limit: TokenLimit, max_model_len: int) -> None:
    if limit.tokens is not None and limit.tokens > max_model_len:
        raise VllmError(
            f"{limit.field}={limit.tokens} cannot be greater than max_model_len={max_model_len}. "
            "Please request fewer output tokens.",
            param=limit.field,
            value=limit.tokens,
        )


def _room(prompt: EmulatorPrompt, max_tokens: int | None, max_model_len: int) -> int:
    """The most tokens that an answer to ``prompt`` may have."""
    prompt.check_length(max_model_len)
    left = max_model_len - prompt.tokens
    room = left if max_tokens is None else min(left, max_tokens)
    if room < 1:
        message = f"max_tokens must be at least 1, got {room}."
        raise VllmError(message, param="max_tokens", value=room)
    return room


def _bytes(text: str) -> bytes:
    # JSON can hold half a surrogate pair, which UTF-8 cannot.
    return text.encode("utf-8", "surrogatepass")
