"""Row "Throughput": requests, tokens and goodput per second."""

from __future__ import annotations

from panel import STACKED, TOKENS_PER_S, Panel
from promql import (
    ENGINE_TOKENS,
    FAILED,
    MODEL,
    REJECTED,
    increase,
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
        custom=STACKED,
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
        custom=STACKED,
        overrides=(("^missed$", "color", {"mode": "fixed", "fixedColor": "red"}),),
        width=6,
    ),
    Panel(
        "Connections",
        "none",
        "Connections of clients, by state (lengthwise_connections): idle, receiving a request, "
        "answering, or closing after a refusal. listen.max_connections bounds their sum.",
        {"{{state}}": total("lengthwise_connections", "state")},
        custom=STACKED,
        width=8,
    ),
    Panel(
        "Bytes of bodies",
        "bytes",
        "Bodies of requests that are read, wait or run (lengthwise_body_bytes), bounded by "
        "requests.max_bodies_bytes; and answers that come whole or that clients have not taken "
        "(lengthwise_answer_bytes), bounded by requests.max_answers_bytes.",
        {"bodies": total("lengthwise_body_bytes"), "answers": total("lengthwise_answer_bytes")},
        width=8,
    ),
    Panel(
        "Refused connections",
        "none",
        "Connections refused or cut by a bound of the section listen, by reason "
        "(lengthwise_connections_refused_total). evicted: an idle one made room for a new one. "
        "client_too_slow: the client did not read its answer.",
        {"{{reason}}": total(increase("connections_refused_total"), "reason")},
        width=8,
    ),
    Panel(
        "Tokens by key",
        TOKENS_PER_S,
        "Prompt and output tokens per second of ended requests, by key "
        "(lengthwise_usage_tokens_total); only with usage.file. Twenty keys with "
        "names have a line each, all others share one.",
        {"{{key}}": total(rate("usage_tokens_total"), "key")},
        custom=STACKED,
        width=8,
    ),
    Panel(
        "Requests by key",
        "reqps",
        "Ended requests per second, by key, and those of all keys without a complete answer "
        "(lengthwise_usage_requests_total); only with usage.file.",
        {
            "{{key}}": total(rate("usage_requests_total"), "key"),
            "failed": total(rate("usage_requests_total", 'result="failed"')),
        },
        width=8,
    ),
    Panel(
        "Usage not written",
        "none",
        "Attempts at which usage.file took no counts (lengthwise_usage_write_failures_total), and "
        "requests that are counted in memory alone (lengthwise_usage_at_risk): a crash would lose "
        "them.",
        {
            "failed attempts": total(increase("usage_write_failures_total")),
            "requests at risk": total("lengthwise_usage_at_risk"),
        },
        width=8,
    ),
)
