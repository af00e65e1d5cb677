"""The proxies of tests.bench.gateway: how each is started."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

from tests.bench import mock_engine, peers
from tests.bench.processes import beside, free_port

_OURS = f"{sys.executable} -m gateway.cli serve --port {{port}}"
OWN = {
    "gateway": ("--worker {engine}", {}),
    "gateway fast": ("--worker {engine}", {"LENGTHWISE_PREDICTOR_REFINE": "false"}),
    "gateway, all on": ("--config {folder}/lengthwise.yaml", {}),
    "gateway fast, all on": (
        "--config {folder}/lengthwise.yaml",
        {"LENGTHWISE_PREDICTOR_REFINE": "false"},
    ),
}
"""Name -> further words of the command, and environment. ``all on``: see ``all_on``."""

PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that runs: its process, 0 for none, and its port."""

    pid: int
    port: int


@contextmanager
def running(arm: str, commands: dict[str, str]) -> Iterator[Running]:
    """One arm to the end of the block, with an engine of its own."""
    with (
        beside(mock_engine.serve) as said,
        beside(mock_engine.collect) as told,
        tempfile.TemporaryDirectory() as path,
    ):
        engine, collector, folder = said.recv(), told.recv(), Path(path)
        if arm == "direct":
            yield Running(0, int(engine.rpartition(":")[2]))
            return
        (folder / "lengthwise.yaml").write_text(json.dumps(all_on(folder, engine, collector)))
        (folder / "litellm.yaml").write_text(peers.LITELLM.replace("ENGINE", engine))
        more, environment = OWN.get(arm, ("", {}))
        command = commands.get(arm) or f"{_OURS} {more}"
        with _proxy(command, engine, folder, environment) as (pid, port):
            yield Running(pid, port)
        if "all on" in arm:
            with urlopen(collector) as answer:
                assert int(answer.read()) > 0, "no trace has come to the collector"
            assert (folder / "access.log").stat().st_size, "no access record was written"


def all_on(folder: Path, engine: str, collector: str) -> dict[str, Any]:
    """The configuration with every feature of a team's front door.

    Keys with rights, limits and budgets (which nobody reaches), shares, bounds by tokens, the
    database of usage, access records as JSON, a trace of each request, debug headers, and the
    operators' listener; TLS is off, as no other proxy here has it on.
    """
    most = 10**12
    group = {
        "name": "bench",
        "models": ["mock"],
        "max_tokens": 4096,
        "requests_per_min": most,
        "tokens_per_min": most,
        "concurrency": 10_000,
        "tokens_per_day": most,
        "tokens_per_month": most,
    }
    return {
        "workers": [{"url": engine}],
        "access": {"api_keys": {"bench": mock_engine.KEY}, "groups": [group]},
        "tenants": {"fair": True},
        "queue": {"max_waiting_tokens": most, "reject_hopeless": "declared"},
        "usage": {"file": str(folder / "usage.sqlite")},
        "admin": {"listen": str(folder / "admin.sock")},
        "log": {
            "access": "json",
            "access_file": str(folder / "access.log"),
            "debug_headers": "always",
        },
        "traces": {"endpoint": collector},
    }


@contextmanager
def _proxy(
    command: str, engine: str, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[int, int]]:
    """A proxy on the first core to the end of the block: its process id and port."""
    port = free_port()
    words = [word.format(port=port, engine=engine, folder=folder) for word in shlex.split(command)]
    log = folder / "output"
    with log.open("wb") as output:
        one = subprocess.Popen(
            ["taskset", "-c", str(min(os.sched_getaffinity(0))), *words],
            stdout=output,
            stderr=output,
            env=os.environ | environment,
        )
    try:
        _wait_until_it_answers(port, one, log)
        yield one.pid, port
    finally:
        one.terminate()
        try:
            one.wait(10)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()


def _wait_until_it_answers(port: int, one: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + PATIENCE_S
    asked = Request(
        f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {mock_engine.KEY}"}
    )
    while True:
        if one.poll() is not None or monotonic() > deadline:
            raise RuntimeError(log.read_text(errors="replace")[-1000:] or "it does not answer")
        try:
            with urlopen(asked, timeout=2) as answer:
                if mock_engine.MODEL in answer.read().decode():
                    return
        except OSError:
            pass
        sleep(0.2)
