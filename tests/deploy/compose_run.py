"""Runs services of docker-compose.yml as processes: their commands, variables, users and checks.

Containers have addresses of their own. Here every ``service:port`` is a free port of this machine,
in whatever names it: commands, variables, health checks and Prometheus's configuration.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import yaml

from tests.deploy.paths import DEPLOY, ROOT
from tests.vllm.engine import free_port

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = DEPLOY / "Dockerfile"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
PATIENCE_S = 60.0


@dataclass(slots=True)
class Service:
    """One service: what compose says of it, and its process."""

    name: str
    said: Mapping[str, Any]
    port: int
    """The port in its container."""
    address: str
    """Where it is reached here."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


class Project:
    """The services under ``folder``, which takes the place of their volumes."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        text = VARIABLE.sub(lambda match: match[2], COMPOSE.read_text("utf-8"))
        said = yaml.safe_load(text)["services"]
        self.folder = folder
        self.services = {
            name: Service(name, said[name], port, f"127.0.0.1:{free_port()}")
            for name, port in ports.items()
        }
        self.user = image_user() if may_be(image_user()) else os.getuid()

    def here(self, text: str) -> str:
        """A text of compose with the addresses of this machine."""
        for service in self.services.values():
            text = text.replace(f"{service.name}:{service.port}", service.address)
        return text

    @contextlib.contextmanager
    def up(self, name: str) -> Iterator[Service]:
        """Start a service of our image, wait until its health check passes, and stop it."""
        service = self.services[name]
        self.start(service)
        try:
            self.until_healthy(service)
            yield service
        finally:
            self.stop(service)

    def start(self, service: Service) -> None:
        """Start the process as the image's user, whose only folders are its volume and /tmp."""
        port = service.address.rpartition(":")[2]
        command = [str(DEPLOY.parent / word) if word.startswith("./") else word
                   for word in service.said["command"]]
        command = [port if word == str(service.port) else self._mounted(service, word)
                   for word in command]
        with (self.folder / f"{service.name}.log").open("ab") as log:
            service.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.cli", *command],
                env=self.environment(service),
                cwd=self.volume(service.name),
                user=self.user,
                group=self.user if self.user != os.getuid() else None,
                stdout=log,
                stderr=log,
            )

    def stop(self, service: Service) -> int:
        """SIGTERM, as ``docker compose stop`` sends it; the exit code within the grace period."""
        process = service.process
        assert process is not None
        process.terminate()
        grace = str(service.said.get("stop_grace_period", "10s")).removesuffix("s")
        try:
            return process.wait(timeout=float(grace))
        finally:
            process.kill()
            process.wait()
