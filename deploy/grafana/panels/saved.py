"""Row "Saved by the order": what the policy buys at present, as the shadow finds it."""

from __future__ import annotations

from panel import Panel
from promql import increase

SAVED = (
    Panel(
        "Saved latency",
        "s",
        "Latency that the policy saves, over all lengths, against arrival order (fcfs) and against "
        "vLLM without the gateway (stock) (lengthwise_saved_seconds). Below 0: it costs. Empty: "
        "the panel about the shadow says why.",
        {"{{measure}} against {{against}}": 'lengthwise_saved_seconds{length="all"}'},
        limits=(None, None),
    ),
    Panel(
        "Saved time to the whole answer, with its interval",
        "s",
        "Mean over all lengths against vLLM without the gateway (lengthwise_saved_seconds, "
        "lengthwise_saved_low_seconds, lengthwise_saved_high_seconds): the interval holds 90 % of "
        "what chance does with so many requests.",
        {
            part: f'{name}{{length="all", measure="mean_e2e", against="stock"}}'
            for part, name in (
                ("saved", "lengthwise_saved_seconds"),
                ("low", "lengthwise_saved_low_seconds"),
                ("high", "lengthwise_saved_high_seconds"),
            )
        },
        limits=(None, None),
    ),
    Panel(
        "Saved share by length",
        "percentunit",
        "Share of the mean latency per token that is saved against vLLM without the gateway, by "
        "length class: answers of up to so many tokens (lengthwise_saved_ratio).",
        {"up to {{length}}": 'lengthwise_saved_ratio{measure="mean_per_token", against="stock"}'},
        limits=(None, 1),
    ),
    Panel(
        "Saved preemptions",
        "none",
        "Preemptions in the window that the policy saves (lengthwise_saved_preemptions).",
        {"against {{against}}": 'lengthwise_saved_preemptions{length="all"}'},
        width=6,
        limits=(None, None),
    ),
    Panel(
        "Error of the shadow",
        "percentunit",
        "By how much the replay of the present policy is off from what came "
        "(lengthwise_shadow_error_ratio). Beyond shadow.tolerance there are no figures.",
        {"{{measure}}": "lengthwise_shadow_error_ratio"},
        width=6,
        limits=(None, None),
    ),
    Panel(
        "Shadow",
        "none",
        "1 for the state that the shadow is in (lengthwise_shadow_state): ok, or why there are no "
        "figures. lost, restarts: records that its process was too slow for, and its starts after "
        "an end, between two points of the graph (lengthwise_shadow_lost_records_total, "
        "lengthwise_shadow_restarts_total).",
        {
            "{{state}}": "max by (state) (lengthwise_shadow_state)",
            "lost": increase("shadow_lost_records_total"),
            "restarts": increase("shadow_restarts_total"),
        },
        width=6,
    ),
    Panel(
        "Requests of the figures",
        "none",
        "Answers that the figures of this row are about (lengthwise_shadow_requests): those of the "
        "last shadow.window_s seconds, shadow.most_requests at most.",
        {"requests": "sum(lengthwise_shadow_requests)"},
        width=6,
    ),
)
