"""Row "Throughput": requests, tokens and goodput per second."""

from __future__ import annotations

from panel import TOKENS_PER_S, Panel
from promql import (
    ENGINE_TOKENS,
    FAILED,
    MODEL,
    REJECTED,
    or_zero,
    quantiles_and_mean,
    rate,
    total,
)

_OUTCOME_COLOURS = (
    ("ok", "green"),
    ("client_gone|client_too_slow", "blue"),
    (FAILED, "red"),
    (REJECTED, "orange"),
)

THROUGHPUT = (
    Panel(
        "Requests by outcome",
        "reqps",
        "Requests that ended per second (lengthwise_requests_total). Green: complete answers (ok). "
        "Red: the service failed. Orange: rejected (429, 503, 504). Blue: the client hung up or "
        "did not read. "
        "Other colours: the request was invalid.",
        {"{{outcome}}": or_zero(total(rate("requests_total", MODEL), "outcome"), "outcome", "ok")},
        stacked=True,
        overrides=tuple(
            (f"^({names})$", "color", {"mode": "fixed", "fixedColor": colour})
            for names, colour in _OUTCOME_COLOURS
        ),
        width=6,
    ),
    Panel(
        "Tokens",
        TOKENS_PER_S,
        "prompt and output, answered: tokens of complete answers, counted when an answer ends "
        "(lengthwise_prompt_tokens_total, lengthwise_generation_tokens_total). output, engines: "
        "tokens counted by vLLM as they are generated, also for clients that hang up "
        "(vllm:generation_tokens_total).",
        {
            "prompt, answered": or_zero(total(rate("prompt_tokens_total", MODEL))),
            "output, answered": or_zero(total(rate("generation_tokens_total", MODEL))),
            "output, engines": or_zero(ENGINE_TOKENS),
        },
        width=6,
    ),
    Panel(
        "Answer length",
        "none",
        "Output tokens of complete answers, of all sequences of a request "
        "(lengthwise_output_tokens).",
        quantiles_and_mean("output_tokens", MODEL),
        width=6,
    ),
    Panel(
        "Goodput",
        "reqps",
        "Answers per second that met the SLO, and answers that missed it "
        "(lengthwise_slo_requests_total).",
        {
            name: or_zero(total(rate("slo_requests_total", MODEL, f'met="{met}"')))
            for name, met in (("met", "true"), ("missed", "false"))
        },
        stacked=True,
        overrides=(("^missed$", "color", {"mode": "fixed", "fixedColor": "red"}),),
        width=6,
    ),
)
