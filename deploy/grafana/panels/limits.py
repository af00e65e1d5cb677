"""Row "Limits": what bounds clients' connections, bodies and requests."""

from __future__ import annotations

from panel import Panel
from promql import MODEL, TURNED_AWAY, increase, or_zero, rate, total

LIMITS = (
    Panel(
        "Connections",
        "none",
        "Connections of clients, by state (lengthwise_connections): idle, receiving a request, "
        "answering, or closing after a refusal. listen.max_connections bounds their sum.",
        {"{{state}}": total("lengthwise_connections", "state")},
        stacked=True,
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
        "Requests of data planes",
        "none",
        "Of lengthwise picker: requests that it holds or follows (lengthwise_picker_streams), "
        "bounded by picker.max_requests, and those that ended, by what it made of them "
        "(lengthwise_picker_requests_total). cut: the client got a part of its answer.",
        {
            "under way": total("lengthwise_picker_streams"),
            "{{result}}": or_zero(
                total(increase("picker_requests_total"), "result"), "result", "placed"
            ),
        },
        width=24,
    ),
    Panel(
        "Turned away",
        "reqps",
        "Requests per second that a limit has turned away, by the limit: the code of the error "
        "(lengthwise_requests_total by outcome). The runbook says for each code what to do.",
        {
            "{{outcome}}": or_zero(
                total(rate("requests_total", MODEL, f'outcome=~"{TURNED_AWAY}"'), "outcome"),
                "outcome",
                "queue_full",
            )
        },
        stacked=True,
        width=24,
    ),
)
