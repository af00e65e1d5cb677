"""Reservation: the tokens of a request as its key's holder pays for them, once it has ended."""

from __future__ import annotations

from gateway.protocol.errors import ApiError
from gateway.requests.in_flight import InFlightRequest


def settle(in_flight: InFlightRequest, status: int) -> None:
    """Count what came with an answer of this status.

    An answer that does not tell its tokens counts as it was expected, an error without tokens as
    nothing.
    """
    admission = in_flight.relay.admission
    if admission is None:
        return
    came = _came(in_flight)
    if came is None and status >= 400:
        came = 0
    elif came is None and not in_flight.relay.request.generates:
        came = in_flight.relay.usage.prompt_tokens or in_flight.job.prompt_tokens
    admission.settle(came)


def settle_broken_off(in_flight: InFlightRequest, error: BaseException) -> None:
    """Count what came before ``error`` broke the request off.

    Nothing, where the gateway or a worker failed before any token. A client that hangs up before a
    whole answer pays for the expected one: the worker was at it, and nobody knows how far.
    """
    admission = in_flight.relay.admission
    if admission is None:
        return
    request, came = in_flight.relay.request, _came(in_flight)
    if came is None and (isinstance(error, ApiError) or in_flight.relay.record.dispatched is None):
        came = 0
    elif came is None and (request.stream or not request.generates):
        came = in_flight.job.prompt_tokens
    admission.settle(came)


def _came(in_flight: InFlightRequest) -> float | None:
    """Prompt and output tokens, if the worker has told or sent any output."""
    output = in_flight.relay.output_tokens
    if output is None:
        return None
    return (in_flight.relay.usage.prompt_tokens or in_flight.job.prompt_tokens) + output
