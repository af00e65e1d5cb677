"""What the emulated model answers: how many tokens, and which words."""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import Any, Literal

from gateway.emulator.requests import Prompt, SamplingRequest, VllmError
from predictor import LengthPredictor
from predictor import Prompt as LengthPrompt
from scheduler.length import LengthDistribution

Finish = Literal["stop", "length"]
Lengths = Callable[[dict[str, Any]], LengthDistribution]
"""From a request's body, without its token limits, to the distribution of its answer's length.

Called on the event loop: it must be quick."""

# 64 pieces of about 4 characters: six random bits name one. Some must be escaped in JSON or are
# not ASCII, for a client has to get those right too.
_VOCABULARY = (
    " the| of| and| to| in| is| that| it| for| as| with| on| are| this| be| by| from| or| an| we"
    "| can| has| not| was| at| more| when| one| all| each| so| use| time| then| their| also| may"
    "| up| into| out| data| you| they| how| first| two| most| like| over| such| if| work| way|,|."
    '|\n|\t| naïve| “quote”| "so"| 数| C:\\| —| 🙂'
)
PIECES = tuple(_VOCABULARY.split("|"))
MAX_SEQUENCES = 16_384
LIMITS = ("max_tokens", "max_completion_tokens")
ESCAPED = tuple(json.dumps(piece, ensure_ascii=False)[1:-1] for piece in PIECES)


@dataclass(slots=True, eq=False)
class Choice:
    """One sequence of an answer: the tokens it will have and how many of them were sent.

    A sequence that ends by itself has as its last token the end-of-sequence token, which counts but
    has no text, as in vLLM.
    """

    index: int
    prompt_tokens: int
    output_tokens: int
    finish_reason: Finish
    words: bytes
    sent: int = 0

    def next_piece(self) -> tuple[str, str | None]:
        """The JSON-escaped text of the next token, and the finish reason if it is the last."""
        position = self.sent
        self.sent += 1
        if self.sent < self.output_tokens:
            return ESCAPED[self.words[position] & 63], None
        last = "" if self.finish_reason == "stop" else ESCAPED[self.words[position] & 63]
        return last, self.finish_reason

    @property
    def text(self) -> str:
        """The whole answer."""
        spoken = self.output_tokens - (self.finish_reason == "stop")
        return "".join(PIECES[word & 63] for word in self.words[:spoken])


def predicted_lengths(predictor: LengthPredictor) -> Lengths:
    """Answers as long as a predictor trained on real ones (CASTILLO) expects."""
    return lambda body: predictor.predict([LengthPrompt.from_request(body)])[0]


def answer_rng(prompt: str, seed: int | None, temperature: float | None) -> random.Random:
    """Chance for one sequence: the same for the same request if it is greedy or has a seed."""
    if temperature == 0:
        return random.Random(_bytes(f"greedy|{prompt}"))
    if seed is not None:
        return random.Random(_bytes(f"{seed}|{temperature}|{prompt}"))
    return random.Random()


def draw_length(distribution: LengthDistribution, level: float) -> int:
    """The length (tokens, at least 1) at a level in 0 to 1, geometric between the atoms."""
    middles, reached = [], 0.0
    for mass in distribution.mass:
        middles.append(reached + mass / 2)
        reached += mass
    place = bisect_left(middles, level)
    tokens = distribution.tokens
    if place in (0, len(tokens)):
        return max(1, round(tokens[min(place, len(tokens) - 1)]))
    share = (level - middles[place - 1]) / (middles[place] - middles[place - 1])
    return max(1, round(exp((1 - share) * log(tokens[place - 1]) + share * log(tokens[place]))))


def draw_words(rng: random.Random, tokens: int) -> bytes:
    """One byte for each token; fewer tokens get a prefix of what more would get."""
    # The generator makes four bytes at a time: a shorter request would shift the last ones.
    return rng.randbytes(-(-tokens // 4) * 4)[:tokens]


def published_lengths(body: dict[str, Any]) -> LengthDistribution:
    """Output lengths of people's chats, whatever the request: log-normal, median 225, sigma 0.9.

    Its mean, 337 tokens, is that of the ShareGPT answers in the vLLM paper (Kwon et al., SOSP 2023,
    figure 11: 338); the sigma is a round figure for how far chat answers spread.
    """
    del body
    return _PUBLISHED


_LEVELS = [(i + 0.5) / 24 for i in range(24)]
_PUBLISHED = LengthDistribution.from_samples(
    (exp(NormalDist(5.416, 0.9).inv_cdf(level)) for level in _LEVELS), atoms=24
)


def answer(
    asked: SamplingRequest,
    prompts: list[Prompt],
    lengths: Lengths,
    *,
    limit: tuple[str, int | None],
    max_model_len: int,
) -> list[Choice]:
    """The choices of a request: ``n`` for each prompt, numbered through.

    ``limit`` is the most tokens the client allows, with the name of the field that says so.

    Raises:
        VllmError: 400 for what vLLM refuses: no room in the context, n > 1 with greedy sampling...
    """
    name, max_tokens = limit
    check_sampling(asked)
    if max_tokens is not None and max_tokens > max_model_len:
        raise VllmError(
            f"{name}={max_tokens} cannot be greater than max_model_len={max_model_len}. "
            "Please request fewer output tokens.",
            param=name,
            value=max_tokens,
        )
    choices: list[Choice] = []
    for prompt in prompts:
        room = _room(prompt, max_tokens, max_model_len)
        # Without the limits: an answer that one cuts must end with "length", not stop by itself.
        body = {name: prompt.body[name] for name in prompt.body if name not in LIMITS}
        distribution = None if asked.target_tokens or asked.ignore_eos else lengths(body)
        for child in range(asked.n or 1):
            seed = None if asked.seed is None else asked.seed + child
            rng = answer_rng(prompt.text, seed, asked.temperature)
            level = rng.random()
            natural = asked.target_tokens or room + 1
            if distribution is not None:
                natural = max(asked.min_tokens, draw_length(distribution, level))
            words = draw_words(rng, min(natural, room))
            reason: Finish = "stop" if natural <= room else "length"
            choices.append(Choice(len(choices), prompt.tokens, len(words), reason, words))
    return choices


def check_sampling(asked: SamplingRequest) -> None:
    """Refuse the sampling fields that vLLM refuses.

    Raises:
        VllmError: 400.
    """
    n = 1 if asked.n is None else asked.n
    temperature = 1.0 if asked.temperature is None else asked.temperature
    if n < 1:
        raise VllmError(f"n must be at least 1, got {n}.")
    if n > MAX_SEQUENCES:
        raise VllmError(f"n must be at most {MAX_SEQUENCES}, got {n}.")
    if not 0 <= temperature <= 2:
        raise VllmError(f"temperature must be in [0, 2], got {temperature}.", param="temperature")
    if temperature == 0 and n > 1:
        raise VllmError(f"n must be 1 when using greedy sampling, got {n}.")
    if asked.stream_options is not None and not asked.stream:
        message = "Stream options can only be defined when `stream=True`."
        raise VllmError(message, param="stream_options")


def _room(prompt: Prompt, max_tokens: int | None, max_model_len: int) -> int:
    """The tokens an answer to ``prompt`` may have."""
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
