"""Makes the choices of a request: their lengths, words and finish reasons."""

from __future__ import annotations

import random
from typing import NamedTuple

from gateway.emulator.answers.choice import Choice, FinishReason, Part
from gateway.emulator.answers.demand import Demand, TokenLimit
from gateway.emulator.answers.words import draw_words
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import Lengths, draw_length
from gateway.emulator.prompts.prompt import EmulatorPrompt
from scheduler.length import LengthDistribution

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def make_choices(
    demand: Demand, prompts: list[EmulatorPrompt], lengths: Lengths, max_model_len: int
) -> list[Choice]:
    """The choices of a request: ``n`` for each prompt, numbered consecutively.

    Raises:
        VllmError: 400 for what vLLM refuses, for instance no room in the context, or n > 1 with
            greedy sampling.
    """
    demand.check(max_model_len)
    choices: list[Choice] = []
    for prompt in prompts:
        room = _room(prompt, demand.limit, max_model_len)
        distribution = _distribution(demand, prompt, lengths)
        for child in range(demand.n):
            rng = _child_rng(demand, prompt, child)
            tokens = _natural_length(demand, distribution, rng.random(), room)
            answer = _answer(demand, rng, tokens, room)
            choices.append(Choice(len(choices), prompt.tokens, *answer))
    return choices


class _Answer(NamedTuple):
    """What ``Choice`` takes besides its place."""

    parts: list[Part]
    finish_reason: FinishReason
    ends: bool
    stop_reason: str | int | None = None


def _answer(demand: Demand, rng: random.Random, tokens: int, room: int) -> _Answer:
    """An answer that stops by itself after about ``tokens`` tokens, and is cut after ``room``."""
    parts = _parts(demand, rng, min(tokens, room + 1) - 1)
    if demand.hides_thoughts:
        parts = _without_thoughts(parts)
    endless = demand.ignore_eos and not demand.target_tokens
    _pad(parts, room if endless else demand.min_tokens - 1)
    parts, stop = demand.stops.cut(parts, demand.min_tokens)
    total = sum(len(part.pieces) for part in parts)
    if stop is not None and total <= room:
        return _Answer(parts, "stop", ends=False, stop_reason=stop)
    if total < room and not endless:
        return _Answer(parts, "stop", ends=True)
    return _Answer(_first(parts, room), "length", ends=False)


def _parts(demand: Demand, rng: random.Random, tokens: int) -> list[Part]:
    """The parts of an answer of about ``tokens`` tokens."""
    thoughts = min(demand.thoughts, tokens // 2)
    parts = [Part("thoughts", draw_words(rng, thoughts))] if thoughts else []
    tokens -= thoughts
    if demand.calls and (calls := demand.calls.parts(rng, tokens)):
        return parts + calls
    if demand.format:
        return [*parts, Part("text", demand.format.pieces(rng, tokens))]
    return [*parts, Part("text", draw_words(rng, tokens))] if tokens else parts


def _without_thoughts(parts: list[Part]) -> list[Part]:
    """The parts with the thinking's tokens, without its text."""
    if not parts or parts[0].kind != "thoughts":
        return parts
    hidden = [""] * len(parts[0].pieces)
    first = parts[1] if len(parts) > 1 else Part("text", [])
    return [Part(first.kind, hidden + first.pieces, first.name, first.call_id), *parts[2:]]


def _pad(parts: list[Part], tokens: int) -> None:
    """Lengthen an answer in a format to ``tokens`` tokens: JSON may end with white space."""
    if parts:
        parts[-1].pieces += ["\n"] * (tokens - sum(len(part.pieces) for part in parts))


def _first(parts: list[Part], tokens: int) -> list[Part]:
    """The first ``tokens`` tokens."""
    kept = []
    for part in parts:
        if tokens > 0:
            kept.append(Part(part.kind, part.pieces[:tokens], part.name, part.call_id))
        tokens -= len(part.pieces)
    return kept


def _distribution(
    demand: Demand, prompt: EmulatorPrompt, lengths: Lengths
) -> LengthDistribution | None:
    """The length distribution of the answers to ``prompt``; None if the request fixes the length.

    The distribution ignores the token limits: an answer that a limit cuts has to end with "length".
    """
    if demand.target_tokens or demand.ignore_eos:
        return None
    return lengths({name: prompt.body[name] for name in prompt.body if name not in LIMIT_FIELDS})


def _natural_length(
    demand: Demand, distribution: LengthDistribution | None, level: float, room: int
) -> int:
    """Tokens after which the answer stops by itself; ``room`` + 1 if only the limit stops it."""
    if distribution is not None:
        return max(demand.min_tokens, draw_length(distribution, level))
    return demand.target_tokens or room + 1


def _child_rng(demand: Demand, prompt: EmulatorPrompt, child: int) -> random.Random:
    seed = None if demand.seed is None else demand.seed + child
    return answer_rng(prompt.text, seed, demand.temperature)


def answer_rng(prompt: str, seed: int | None, temperature: float | None) -> random.Random:
    """The generator of one sequence: repeatable if the request is greedy or has a seed."""
    if temperature == 0:
        return random.Random(_bytes(f"greedy|{prompt}"))
    if seed is not None:
        return random.Random(_bytes(f"{seed}|{temperature}|{prompt}"))
    return random.Random()


def _room(prompt: EmulatorPrompt, limit: TokenLimit, max_model_len: int) -> int:
    """The most tokens that an answer to ``prompt`` may have."""
    prompt.check_length(max_model_len)
    left = max_model_len - prompt.tokens
    room = left if limit.tokens is None else min(left, limit.tokens)
    if room < 1:
        # The parameter is always max_tokens, as in vLLM; the message has the client's name for it.
        raise VllmError(
            f"{limit.field} must be at least 1, got {room}.", param="max_tokens", value=room
        )
    return room


def _bytes(text: str) -> bytes:
    # JSON can hold half a surrogate pair, which UTF-8 cannot.
    return text.encode("utf-8", "surrogatepass")
