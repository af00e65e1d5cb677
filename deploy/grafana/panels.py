"""What the dashboard shows: every panel is one entry here."""

from __future__ import annotations

from panel import DASHED, GREEN, STACKED, Panel, Steps
from promql import (
    ENGINE_TOKENS,
    FAILED,
    MODEL,
    TURNED_AWAY,
    WORKER,
    attainment,
    coverage,
    gauge,
    increase,
    lost_share,
    or_zero,
    per_worker,
    quantile,
    rate,
    spread,
    total,
)

TOKENS_PER_S = "si: tok/s"
COVERAGE_STEPS: Steps = ((None, "red"), (0.65, "green"), (0.95, "red"))


def stat(title: str, unit: str, text: str, query: str, steps: Steps = GREEN) -> Panel:
    """One number, now."""
    return Panel(title, unit, text, {title: query}, kind="stat", width=3, steps=steps)


STATS = (
    stat(
        "Healthy workers",
        "none",
        "Workers that answer their probes (lengthwise_healthy_workers). None: clients get 503.",
        "max(lengthwise_healthy_workers)",
        steps=((None, "red"), (1, "green")),
    ),
    stat(
        "Requests",
        "reqps",
        "Requests that ended, with whatever outcome (lengthwise_requests_total).",
        or_zero(total(rate("requests_total", MODEL))),
    ),
    stat(
        "Output tokens",
        TOKENS_PER_S,
        "Output tokens of complete answers (lengthwise_generation_tokens_total), counted when an "
        "answer ends.",
        or_zero(total(rate("generation_tokens_total", MODEL))),
    ),
    stat(
        "Waiting",
        "none",
        "Requests in the gateway's queue (lengthwise_queue_length). Short requests go first: a "
        "queue is no fault by itself.",
        f"sum(lengthwise_queue_length{{{MODEL}}})",
    ),
    stat(
        "TTFT p95",
        "s",
        "Time to first token of streams, waiting included (lengthwise_ttft_seconds): one in 20 "
        "waits longer.",
        quantile("ttft_seconds", 0.95, MODEL),
    ),
    stat(
        "Lost requests",
        "percentunit",
        "Failed or turned away, of the requests that were owed an answer "
        "(lengthwise_requests_total by outcome). Clients that hung up or sent bad requests do not "
        "count.",
        lost_share(),
        steps=((None, "green"), (0.005, "orange"), (0.02, "red")),
    ),
    stat(
        "SLO attainment",
        "percentunit",
        "Answers within slo.ttft_s and slo.tpot_s (lengthwise_slo_requests_total), of the requests "
        "that were owed an answer: one turned away has missed it.",
        attainment(),
        steps=((None, "red"), (0.9, "orange"), (0.99, "green")),
    ),
    stat(
        "Interval coverage",
        "percentunit",
        "Answers whose length fell inside the forecast's 80 % interval "
        "(lengthwise_prediction_intervals_total). 80 % is right; more is too wide an interval.",
        coverage(),
        steps=COVERAGE_STEPS,
    ),
)

THROUGHPUT = (
    Panel(
        "Requests by outcome",
        "reqps",
        "lengthwise_requests_total. ok: a complete answer. Red: the service failed. Orange: turned "
        "away (429, 503, 504). Blue: the client hung up. The rest: refused for what they ask.",
        {"{{outcome}}": or_zero(total(rate("requests_total", MODEL), "outcome"), "outcome", "ok")},
        custom=STACKED,
        overrides=tuple(
            (f"^({names})$", "color", {"mode": "fixed", "fixedColor": colour})
            for names, colour in (
                ("ok", "green"),
                ("client_gone", "blue"),
                (FAILED, "red"),
                (TURNED_AWAY, "orange"),
            )
        ),
    ),
    Panel(
        "Tokens",
        TOKENS_PER_S,
        "Of complete answers: lengthwise_prompt_tokens_total and _generation_tokens_total, counted "
        "when an answer ends. From the engines: vllm:generation_tokens_total, counted as they are "
        "made, also for clients that hang up.",
        {
            "prompt, answered": or_zero(total(rate("prompt_tokens_total", MODEL))),
            "output, answered": or_zero(total(rate("generation_tokens_total", MODEL))),
            "output, engines": or_zero(ENGINE_TOKENS),
        },
    ),
    Panel(
        "Goodput",
        "reqps",
        "Answers per second that met the objective or missed it (lengthwise_slo_requests_total).",
        {
            name: or_zero(total(rate("slo_requests_total", MODEL, f'met="{met}"')))
            for name, met in (("met", "true"), ("missed", "false"))
        },
        custom=STACKED,
        overrides=(("^missed$", "color", {"mode": "fixed", "fixedColor": "red"}),),
    ),
)

LATENCY = (
    Panel(
        "Time to first token",
        "s",
        "Arrival to first token, waiting included; streams only (lengthwise_ttft_seconds).",
        spread("ttft_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Time per output token",
        "s",
        "After the first token; streams only (lengthwise_tpot_seconds). It rises with the number "
        "of sequences a worker runs, and with preemptions.",
        spread("tpot_seconds", MODEL),
        width=6,
    ),
    Panel(
        "End to end",
        "s",
        "Arrival to the end of the answer (lengthwise_e2e_seconds). Long answers take long: "
        "compare the normalised latency.",
        spread("e2e_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Normalised latency",
        "s",
        "End-to-end latency per output token (lengthwise_normalised_latency_seconds): what the "
        "order of the queue improves. The mean counts short answers as much as long ones.",
        spread("normalised_latency_seconds", MODEL),
        width=6,
    ),
    Panel(
        "Queue wait",
        "s",
        "Arrival to dispatch (lengthwise_queue_wait_seconds). Counted at dispatch. Who still waits "
        "shows in the longest wait so far (lengthwise_queue_oldest_wait_seconds).",
        {
            **spread("queue_wait_seconds", MODEL),
            "waiting now, longest": f"max(lengthwise_queue_oldest_wait_seconds{{{MODEL}}})",
        },
    ),
    Panel(
        "Queue length",
        "none",
        "Requests that wait in the gateway, by model (lengthwise_queue_length), and all requests "
        "accepted and not ended (lengthwise_requests_in_flight).",
        {
            "waiting, {{model}}": f"sum by (model) (lengthwise_queue_length{{{MODEL}}})",
            "in the gateway, all models": "sum(lengthwise_requests_in_flight)",
        },
    ),
    Panel(
        "Waiting by tenant",
        "none",
        "Requests that wait, by tenant (lengthwise_tenant_waiting; with tenants.fair): the first "
        "20 configured, all others together. Who floods waits, the others do not.",
        {"{{tenant}}": or_zero(total("lengthwise_tenant_waiting", "tenant"), "tenant", "other")},
        custom=STACKED,
    ),
)

WORKERS = (
    Panel(
        "Up",
        "none",
        "2: requests are sent to the worker. 1: it drains, so it gets nothing new "
        "(lengthwise_worker_draining). 0: it does not answer its probes (lengthwise_worker_up).",
        {
            "{{worker}}": f"{per_worker(gauge('up'), 'max')}"
            f" * (2 - {per_worker(gauge('draining'), 'max')})"
        },
        kind="state-timeline",
        width=6,
        steps=((None, "red"), (1, "orange"), (2, "green")),
    ),
    Panel(
        "Slots and sequences sent",
        "none",
        "Dashed: sequences the worker runs at once (lengthwise_worker_slots). Solid: sequences the "
        "gateway has there (lengthwise_worker_in_flight_sequences). Solid below dashed while "
        "requests wait: KV memory is what limits.",
        {
            "{{worker}} slots": per_worker(gauge("slots"), "max"),
            "{{worker}} sent": per_worker(gauge("in_flight_sequences")),
        },
        width=6,
        overrides=((" slots$", *DASHED),),
    ),
    Panel(
        "In the engine",
        "none",
        "As the engine reports: lengthwise_worker_running_sequences and (dashed) "
        "_waiting_sequences. More there than the gateway has sent: other clients reach the "
        "worker past the gateway.",
        {
            "{{worker}} running": per_worker(gauge("running_sequences"), "max"),
            "{{worker}} waiting": per_worker(gauge("waiting_sequences"), "max"),
        },
        width=6,
        overrides=((" waiting$", *DASHED),),
    ),
    Panel(
        "Expected work",
        "short",
        "Output tokens that what is there is still expected to write "
        "(lengthwise_worker_expected_tokens): the next request goes where least is, over slots and "
        "speed.",
        {"{{worker}}": per_worker(gauge("expected_tokens"))},
        width=6,
    ),
    Panel(
        "KV-cache use",
        "percentunit",
        "Solid: used, as the engine reports (lengthwise_worker_kv_cache_usage_ratio). Dashed: the "
        "peak to come of what is there, exceeded with probability scheduling.kv_overflow "
        "(lengthwise_worker_kv_peak_tokens / _kv_cache_capacity_tokens). Over 100 % while few "
        "requests wait: more is sent then.",
        {
            "{{worker}} used": per_worker(gauge("kv_cache_usage_ratio"), "max"),
            "{{worker}} peak": f"{per_worker(gauge('kv_peak_tokens'))}"
            f" / ({per_worker(gauge('kv_cache_capacity_tokens'), 'max')} > 0)",
        },
        width=6,
        overrides=((" peak$", *DASHED),),
    ),
    Panel(
        "KV tokens",
        "short",
        "Capacity (dashed, lengthwise_worker_kv_cache_capacity_tokens; 0: the worker does not say, "
        "set kv_tokens) and the forecast peak of what is there (lengthwise_worker_kv_peak_tokens).",
        {
            "{{worker}} capacity": per_worker(gauge("kv_cache_capacity_tokens"), "max"),
            "{{worker}} peak": per_worker(gauge("kv_peak_tokens")),
        },
        width=6,
        overrides=((" capacity$", *DASHED),),
    ),
    Panel(
        "Preemptions",
        "ops",
        "lengthwise_worker_preemptions_total: each throws away a running request's KV cache, which "
        "is computed again later. Steadily above 0: too much is admitted.",
        {"{{worker}}": per_worker(rate("worker_preemptions_total", WORKER), "max")},
        width=6,
    ),
    Panel(
        "Failed attempts",
        "ops",
        "Requests this worker failed before their first byte; they are tried again elsewhere "
        "(lengthwise_worker_failures_total).",
        {
            "{{worker}}": f"{per_worker(rate('worker_failures_total', WORKER))}"
            f" or 0 * {per_worker(gauge('up'), 'max')}"
        },
        width=6,
    ),
)

PREDICTION = (
    Panel(
        "Interval coverage",
        "percentunit",
        "Share of answers inside the forecast's central 80 % interval, by model "
        "(lengthwise_prediction_intervals_total). Lines: the nominal 80 %, and in red where the "
        "alert starts. Answers cut at max_tokens do not count.",
        {"{{model}}": coverage("model")},
        width=6,
        limits=(0, 1),
        steps=((None, "transparent"), (0.65, "red"), (0.8, "green"), (0.95, "red")),
        custom={"thresholdsStyle": {"mode": "dashed"}},
    ),
    Panel(
        "Absolute error of the median",
        "short",
        "Tokens between the forecast's median and the answer's length "
        "(lengthwise_prediction_absolute_error_tokens).",
        spread("prediction_absolute_error_tokens", MODEL, levels=(0.5, 0.9)),
        width=6,
    ),
    Panel(
        "Prediction time",
        "s",
        "From asking for a forecast to having it (lengthwise_prediction_seconds), on a thread of "
        "its own; predictor.budget_ms bounds it.",
        spread("prediction_seconds", levels=(0.5, 0.99)),
        width=6,
    ),
    Panel(
        "Fallbacks",
        "ops",
        "Forecasts from recent lengths (lengthwise_prediction_fallbacks_total). absent: no "
        "predictor is loaded. failed: it raised an error, see the log. timeout: it took longer "
        "than predictor.budget_ms.",
        {
            "{{reason}}": or_zero(
                total(rate("prediction_fallbacks_total"), "reason"),
                "reason",
                "absent",
                "failed",
                "timeout",
            )
        },
        width=6,
    ),
    Panel(
        "Refined forecasts",
        "ops",
        "Better forecasts for requests that wait (lengthwise_refinements_total). late: not within "
        "predictor.refine_budget_ms. failed: see the log. None: nothing waits, or the predictor "
        "has no text encoder.",
        {
            "{{result}}": or_zero(
                total(rate("refinements_total"), "result"), "result", "done", "late", "failed"
            )
        },
        width=6,
    ),
    Panel(
        "Refining time",
        "s",
        "From asking for a better forecast to having it (lengthwise_refine_seconds), the wait for "
        "those before it included.",
        spread("refine_seconds", levels=(0.5, 0.99)),
        width=6,
    ),
    Panel(
        "Predictor",
        "none",
        "Whether a predictor is loaded (lengthwise_predictor_loaded), and the models that were put "
        "in its place and taken up or refused (lengthwise_predictor_reloads_total).",
        {
            "loaded": "min(lengthwise_predictor_loaded)",
            "{{result}}": or_zero(
                total(increase("predictor_reloads_total"), "result"), "result", "ok", "refused"
            ),
        },
        width=6,
    ),
    Panel(
        "Learning",
        "none",
        "Records in the served log (lengthwise_log_records_total: written, or dropped because the "
        "disk was too slow or full) and refits (lengthwise_refits_total: promoted, kept the "
        "present model, went back to the one before, failed), from one point to the next.",
        {
            "records {{result}}": or_zero(
                total(increase("log_records_total"), "result"), "result", "written", "dropped"
            ),
            "refits {{result}}": or_zero(
                total(increase("refits_total"), "result"),
                "result",
                "promoted",
                "kept",
                "rolled back",
                "failed",
            ),
        },
        width=6,
    ),
)

ROWS = (
    ("Now", STATS),
    ("Throughput", THROUGHPUT),
    ("Latency and queue", LATENCY),
    ("Workers", WORKERS),
    ("Length forecasts", PREDICTION),
)
