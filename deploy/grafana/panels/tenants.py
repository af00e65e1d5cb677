"""Row "Tenants": who waits, and who has used how much."""

from __future__ import annotations

from panel import TOKENS_PER_S, Panel
from promql import increase, or_zero, rate, total

TENANTS = (
    Panel(
        "Waiting by tenant",
        "none",
        "Requests that wait, by tenant (lengthwise_tenant_waiting); only with tenants.fair. The "
        "first 20 configured tenants have a line each, the others share one. A tenant that sends "
        "too much waits; other tenants do not.",
        {"{{tenant}}": or_zero(total("lengthwise_tenant_waiting", "tenant"), "tenant", "other")},
        stacked=True,
    ),
    Panel(
        "Tokens by key",
        TOKENS_PER_S,
        "Prompt and output tokens per second of ended requests, by key "
        "(lengthwise_usage_tokens_total); only with usage.file. Twenty keys with "
        "names have a line each, all others share one.",
        {"{{key}}": total(rate("usage_tokens_total"), "key")},
        stacked=True,
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
