"""Row "Latency and queue": how long requests take, and how many wait."""

from __future__ import annotations

from panel import Panel
from promql import MODEL, quantiles_and_mean

LATENCY = (
    Panel(
        "Time to first token",
        "s",
        "From arrival to the first token, including the wait in the queue; streams only "
        "(lengthwise_ttft_seconds).",
        quantiles_and_mean("ttft_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Time per output token",
        "s",
        "Between two tokens after the first; streams only (lengthwise_tpot_seconds). Rises with "
        "the sequences that a worker runs at once, and with preemptions.",
        quantiles_and_mean("tpot_seconds", MODEL),
        width=6,
    ),
    Panel(
        "End to end",
        "s",
        "From arrival to the end of the answer (lengthwise_e2e_seconds). Long answers take long: "
        "compare the normalised latency instead.",
        quantiles_and_mean("e2e_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Normalised latency",
        "s",
        "End-to-end latency per output token (lengthwise_normalised_latency_seconds). The order of "
        "the queue improves this number. Every answer counts the same in the mean, short or long.",
        quantiles_and_mean("normalised_latency_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Queue wait",
        "s",
        "From arrival to dispatch, counted at dispatch (lengthwise_queue_wait_seconds). waiting "
        "now, longest: the longest wait of a request that is still in the queue "
        "(lengthwise_queue_oldest_wait_seconds).",
        {
            **quantiles_and_mean("queue_wait_seconds", MODEL),
            "waiting now, longest": f"max(lengthwise_queue_oldest_wait_seconds{{{MODEL}}})",
        },
    ),
    Panel(
        "Queue length",
        "none",
        "Requests that wait in the gateway, by model (lengthwise_queue_length). in the gateway, "
        "all models: requests accepted and not ended (lengthwise_requests_in_flight). paused: 1 "
        "while an operator lets all requests wait (lengthwise_paused).",
        {
            "waiting, {{model}}": f"sum by (model) (lengthwise_queue_length{{{MODEL}}})",
            "in the gateway, all models": "sum(lengthwise_requests_in_flight)",
            "paused": "max(lengthwise_paused)",
        },
    ),
    Panel(
        "Expected work in the queue",
        "short",
        "Output tokens that waiting requests are expected to generate "
        "(lengthwise_queue_expected_tokens). Divided by what a worker generates in the time in "
        "which another starts, it says how many workers are missing: an autoscaler goes by it.",
        {"tokens": "sum(lengthwise_queue_expected_tokens)"},
    ),
)
