"""What gRPC itself costs an endpoint picker: grpclib beside grpcio's asyncio server.

    python -m tests.bench.picker_grpc [--seconds S] [--repeats N]

Two pickers that decide nothing, each behind an Envoy of its own with buffered bodies: every request
goes to the mock engine. Both use the picker's own messages. Places, loads and figures as in
`tests.bench.picker`; needs grpcio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop
import yaml
from grpclib.const import Cardinality, Handler

from gateway.config.listen import Tls
from gateway.picker import answers
from gateway.picker.listening import grpc_listening
from gateway.picker.messages import ProcessingRequest, ProcessingResponse
from gateway.picker.service import NAME
from gateway.protocol.listener import bound_sockets
from tests.bench import mock_engine
from tests.bench.picker import WITHOUT, Cost, envoy_config, running, show, turns
from tests.bench.processes import beside, free_port
from tests.gateway.picker.envoy import MODES, program

KINDS = tuple(os.environ.get("KINDS", "grpclib,grpcio").split(","))


def answer_to(message: Any, destination: str) -> Any:
    """What Envoy is told to each message of a request."""
    if message.HasField("request_headers"):
        return answers.PASS_REQUEST_HEADERS
    if message.HasField("request_body"):
        mutation = answers.header_changes([], {}, {answers.DESTINATION: destination})
        told = answers.placed(destination, mutation, buffered=True, body=None)
        return told.SerializeToString()
    if message.HasField("response_headers"):
        return answers.PASS_RESPONSE_HEADERS
    return answers.PASS_RESPONSE_BODY


class ByGrpclib:
    """The service for grpclib."""

    def __init__(self, destination: str) -> None:
        self._destination = destination

    async def process(self, stream: Any) -> None:
        """Answer each message of a request."""
        while (message := await stream.recv_message()) is not None:
            await stream.send_message(answer_to(message, self._destination))

    def __mapping__(self) -> dict[str, Handler]:
        """The service."""
        kinds = Cardinality.STREAM_STREAM, ProcessingRequest, ProcessingResponse
        return {f"/{NAME}/Process": Handler(self.process, *kinds)}


async def by_grpclib(port: int, destination: str) -> None:
    """Serve to the end of the process."""
    await grpc_listening([ByGrpclib(destination)], bound_sockets("127.0.0.1", port), Tls())
    await asyncio.Event().wait()


async def by_grpcio(port: int, destination: str) -> None:
    """Serve to the end of the process."""
    grpc: Any = import_module("grpc")  # the other arm does without

    async def process(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[bytes]:
        async for message in messages:
            yield answer_to(message, destination)

    handler = grpc.stream_stream_rpc_method_handler(
        process, request_deserializer=ProcessingRequest.FromString
    )
    server = grpc.aio.server()
    generic = grpc.method_handlers_generic_handler(NAME, {"Process": handler})
    server.add_generic_rpc_handlers((generic,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def serve(kind: str, port: int, destination: str) -> None:
    """The process of one picker."""
    uvloop.run((by_grpclib if kind == "grpclib" else by_grpcio)(port, destination))


@contextmanager
def arms(folder: Path, worker: str) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
    """The pickers' processes, and the arms' ports for clients."""
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    pids, ports = {}, {}
    with ExitStack() as stack:
        for kind in (WITHOUT, *KINDS):
            picker, ports[kind] = free_port(), free_port()
            pids[kind] = 0
            if kind != WITHOUT:
                words = ("-m", "tests.bench.picker_grpc", "--serve", kind, str(picker), worker)
                log = folder / f"{kind}.log"
                pids[kind] = stack.enter_context(running((sys.executable, *words), first, log))
            modes = None if kind == WITHOUT else MODES["buffered"]
            path = folder / f"envoy-{kind}.yaml"
            path.write_text(yaml.safe_dump(envoy_config(ports[kind], picker, modes)))
            flags = ("--concurrency", "1", "--disable-hot-restart", "-l", "error")
            command = (program(), "-c", str(path), *flags)
            stack.enter_context(running(command, last, path.with_suffix(".log")))
        yield pids, ports


def measure(seconds: float, repeats: int) -> dict[tuple[str, str], Cost]:
    """The costs by kind and load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(beside(mock_engine.serve)).recv()
        worker = engine.removeprefix("http://")
        pids, ports = stack.enter_context(arms(folder, worker))
        return turns(ports, dict.fromkeys(ports, worker), pids, seconds, repeats)


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="grpclib beside grpcio")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.serve:
        kind, port, destination = args.serve
        serve(kind, int(port), destination)
    show(measure(args.seconds, args.repeats))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
