"""The messages of Envoy's ext_proc v3 that the picker reads and writes.

They are built from this table of fields. The published classes would do too, but the pure Python
ones take a millisecond for a message where these take microseconds, and the compiled ones are in a
package that overwrites files of OpenTelemetry. Fields that are not here are ignored, as protobuf
says. ``tests/gateway/picker/test_messages.py`` compares the table with ``envoy-data-plane``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

PACKAGE = "lengthwise.picker"
_STRUCT = ".google.protobuf.Struct"

FIELDS = {
    "HeaderValue": "key:1:string value:2:string raw_value:3:bytes",
    "HeaderValueOption": "header:1:HeaderValue append_action:3:int32",
    "HeaderMap": "headers:1:HeaderValue*",
    "Metadata": "filter_metadata:1:Struct@",
    "HttpStatus": "code:1:int32",
    "HttpHeaders": "headers:1:HeaderMap end_of_stream:3:bool",
    "HttpBody": "body:1:bytes end_of_stream:2:bool",
    "HttpTrailers": "trailers:1:HeaderMap",
    "ProtocolConfiguration": "request_body_mode:1:int32 response_body_mode:2:int32",
    "ProcessingRequest": (
        "request_headers:2:HttpHeaders response_headers:3:HttpHeaders request_body:4:HttpBody "
        "response_body:5:HttpBody request_trailers:6:HttpTrailers response_trailers:7:HttpTrailers "
        "metadata_context:8:Metadata protocol_config:11:ProtocolConfiguration"
    ),
    "HeaderMutation": "set_headers:1:HeaderValueOption* remove_headers:2:string*",
    "StreamedBodyResponse": "body:1:bytes end_of_stream:2:bool",
    "BodyMutation": "body:1:bytes streamed_response:3:StreamedBodyResponse",
    "CommonResponse": "header_mutation:2:HeaderMutation body_mutation:3:BodyMutation",
    "HeadersResponse": "response:1:CommonResponse",
    "BodyResponse": "response:1:CommonResponse",
    "TrailersResponse": "header_mutation:1:HeaderMutation",
    "ImmediateResponse": (
        "status:1:HttpStatus headers:2:HeaderMutation body:3:bytes details:5:string"
    ),
    "ProcessingResponse": (
        "request_headers:1:HeadersResponse response_headers:2:HeadersResponse "
        "request_body:3:BodyResponse response_body:4:BodyResponse "
        "request_trailers:5:TrailersResponse response_trailers:6:TrailersResponse "
        "immediate_response:7:ImmediateResponse dynamic_metadata:8:Struct"
    ),
    "HealthCheckRequest": "service:1:string",
    "HealthCheckResponse": "status:1:int32",
}
"""Message -> its fields as name:number:type; * repeats, @ is a map from strings."""

BUFFERED, FULL_DUPLEX_STREAMED = 2, 4
"""Body modes (``ProcessingMode.BodySendMode``) that let a request be held and sent on."""

OVERWRITE = 2
"""``HeaderAppendAction`` that replaces a header's values, or adds the header."""

_KINDS = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _KINDS.TYPE_STRING,
    "bytes": _KINDS.TYPE_BYTES,
    "bool": _KINDS.TYPE_BOOL,
    "int32": _KINDS.TYPE_INT32,
    "double": _KINDS.TYPE_DOUBLE,
}


def _type_of(field: Any, kind: str, package: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _KINDS.TYPE_MESSAGE
    field.type_name = _STRUCT if kind == "Struct" else f".{package}.{kind}"


def _add_map(message: Any, field: Any, kind: str, package: str) -> None:
    """Make a field a map from strings: protobuf has an entry's message for it."""
    entry = message.nested_type.add(name=field.name.title().replace("_", "") + "Entry")
    entry.options.map_entry = True
    for number, (name, inner) in enumerate((("key", "string"), ("value", kind)), 1):
        part = entry.field.add(name=name, number=number, label=_KINDS.LABEL_OPTIONAL)
        _type_of(part, inner, package)
    field.type = _KINDS.TYPE_MESSAGE
    field.type_name = f".{package}.{message.name}.{entry.name}"


def built(package: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The classes of these messages by name; ``fields`` as in ``FIELDS``."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="proto3",
        dependency=[struct_pb2.DESCRIPTOR.name],
    )
    for name, table in fields.items():
        message = file.message_type.add(name=name)
        for text in table.split():
            field_name, number, kind = text.split(":")
            field = message.field.add(name=field_name, number=int(number))
            several = kind[-1] in "*@"
            field.label = _KINDS.LABEL_REPEATED if several else _KINDS.LABEL_OPTIONAL
            if kind.endswith("@"):
                _add_map(message, field, kind[:-1], package)
            else:
                _type_of(field, kind.rstrip("*"), package)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    names = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in fields}
    return {name: message_factory.GetMessageClass(found) for name, found in names.items()}


_CLASSES = built(PACKAGE, FIELDS)

HeaderValue = _CLASSES["HeaderValue"]
HeaderValueOption = _CLASSES["HeaderValueOption"]
HttpStatus = _CLASSES["HttpStatus"]
ProcessingRequest = _CLASSES["ProcessingRequest"]
HeaderMutation = _CLASSES["HeaderMutation"]
StreamedBodyResponse = _CLASSES["StreamedBodyResponse"]
BodyMutation = _CLASSES["BodyMutation"]
CommonResponse = _CLASSES["CommonResponse"]
HeadersResponse = _CLASSES["HeadersResponse"]
BodyResponse = _CLASSES["BodyResponse"]
TrailersResponse = _CLASSES["TrailersResponse"]
ImmediateResponse = _CLASSES["ImmediateResponse"]
ProcessingResponse = _CLASSES["ProcessingResponse"]
HealthCheckRequest = _CLASSES["HealthCheckRequest"]
HealthCheckResponse = _CLASSES["HealthCheckResponse"]
