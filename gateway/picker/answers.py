"""What the picker tells Envoy, as messages of ext_proc."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.picker.messages import (
    OVERWRITE,
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    HeaderValue,
    HeaderValueOption,
    HttpStatus,
    ImmediateResponse,
    ProcessingResponse,
    StreamedBodyResponse,
    TrailersResponse,
)
from gateway.protocol.headers import Headers

DESTINATION = "x-gateway-destination-endpoint"
"""Header, and field of the dynamic metadata, that names the endpoint as ip:port."""

METADATA = "envoy.lb"
"""Namespace of the dynamic metadata."""

PRIORITY = "x-vllm-priority"
"""Header with vLLM's priority; vLLM takes it before the body's."""

CHUNK_BYTES = 60_000
"""Bytes of a body that go back in one message: data planes bound theirs at 64 KiB."""

_ENVOYS = frozenset(("host", "content-length", "connection", "transfer-encoding", "keep-alive"))
"""Headers of one connection, which Envoy writes itself."""

PASS_RESPONSE_HEADERS = ProcessingResponse(response_headers=HeadersResponse()).SerializeToString()
PASS_RESPONSE_BODY = ProcessingResponse(response_body=BodyResponse()).SerializeToString()
PASS_RESPONSE_TRAILERS = ProcessingResponse(
    response_trailers=TrailersResponse()
).SerializeToString()
PASS_REQUEST_HEADERS = ProcessingResponse(request_headers=HeadersResponse()).SerializeToString()
PASS_REQUEST_TRAILERS = ProcessingResponse(request_trailers=TrailersResponse()).SerializeToString()
"""Messages that change nothing, made once: there is one for each chunk of each answer."""


def header_changes(before: Headers, after: Mapping[str, str], extra: Mapping[str, str]) -> Any:
    """What turns a request's headers into those of the worker, with ``extra`` (lower case).

    ``before`` are the names in lower case and values that the client sent.
    """
    wanted: dict[str, list[bytes]] = {}
    own = [(name, value) for name, value in after.items() if name.lower() not in extra]
    for name, value in [*own, *extra.items()]:
        wanted.setdefault(name.lower(), []).append(value.encode("utf-8", "surrogateescape"))
    given: dict[str, list[bytes]] = {}
    for raw, sent in before:
        given.setdefault(raw.decode("latin-1"), []).append(sent)
    mutation = HeaderMutation()
    mutation.remove_headers.extend(
        name for name in given if name not in wanted and name not in _ENVOYS
    )
    for name, values in wanted.items():
        if name not in _ENVOYS and given.get(name) != values:
            mutation.set_headers.append(_header(name, b", ".join(values)))
    return mutation


def _header(name: str, value: bytes) -> Any:
    return HeaderValueOption(header=HeaderValue(key=name, raw_value=value), append_action=OVERWRITE)


def placed(destination: str, mutation: Any, *, buffered: bool, body: bytes | None) -> Any:
    """The answer that sends a request to its destination.

    Args:
        destination: the worker's ip:port.
        mutation: changes of the headers.
        buffered: whether Envoy waits with the whole body, else with the headers.
        body: what replaces the body that Envoy holds; None: nothing.
    """
    common = CommonResponse(header_mutation=mutation)
    if body is not None:
        length = str(len(body)).encode()  # Envoy refuses a body of another length than told
        common.header_mutation.set_headers.append(_header("content-length", length))
        common.body_mutation.CopyFrom(BodyMutation(body=body))
    kind = {"request_body": BodyResponse(response=common)}
    if not buffered:
        kind = {"request_headers": HeadersResponse(response=common)}
    answer = ProcessingResponse(**kind)
    chosen = answer.dynamic_metadata.fields[METADATA].struct_value
    chosen.fields[DESTINATION].string_value = destination
    return answer


def body_chunks(body: bytes, *, ended: bool) -> Iterator[Any]:
    """A request's body as messages for FULL_DUPLEX_STREAMED. ``ended``: no trailers follow."""
    for start in range(0, max(len(body), 1), CHUNK_BYTES):
        part = body[start : start + CHUNK_BYTES]
        last = ended and start + CHUNK_BYTES >= len(body)
        yield ProcessingResponse(request_body=_streamed(part, last))


def response_chunk(part: bytes, *, ended: bool) -> Any:
    """A piece of a response's body as it came, for FULL_DUPLEX_STREAMED."""
    return ProcessingResponse(response_body=_streamed(part, ended))


def _streamed(part: bytes, ended: bool) -> Any:
    streamed = StreamedBodyResponse(body=part, end_of_stream=ended)
    mutation = BodyMutation(streamed_response=streamed)
    return BodyResponse(response=CommonResponse(body_mutation=mutation))


def immediate(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, why: str) -> Any:
    """The answer that Envoy gives the client itself. ``why`` stands in Envoy's access log."""
    mutation = HeaderMutation(
        set_headers=[
            _header(name.decode("latin-1"), value)
            for name, value in headers
            if name.decode("latin-1").lower() not in _ENVOYS
        ]
    )
    response = ImmediateResponse(
        status=HttpStatus(code=status), headers=mutation, body=body, details=why
    )
    return ProcessingResponse(immediate_response=response)
