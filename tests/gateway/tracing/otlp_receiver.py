"""A receiver of OTLP over HTTP as a process of its own.

Run: python -m tests.gateway.tracing.otlp_receiver. It prints its URL, then each span as a line of
JSON, and ends with its standard input.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver(BaseHTTPRequestHandler):
    """Takes spans, and refuses all that is none."""

    def do_POST(self) -> None:
        """Print the spans of one request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        right = self.path == "/v1/traces"
        right &= self.headers.get("content-type") == "application/x-protobuf"
        if right:
            for span in spans(ExportTraceServiceRequest.FromString(body)):
                print(json.dumps(span), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if right else 400)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Print nothing else."""


def spans(sent: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    """The spans of one export."""
    for resource in sent.resource_spans:
        service = {one.key: one.value.string_value for one in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield {
                "service": service.get("service.name"),
                "trace": span.trace_id.hex(),
                "id": span.span_id.hex(),
                "parent": span.parent_span_id.hex(),
                "name": span.name,
                "begun": span.start_time_unix_nano,
                "ended": span.end_time_unix_nano,
                "texts": {one.key: one.value.string_value for one in span.attributes},
            }


def main() -> None:
    """Serve until the standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
