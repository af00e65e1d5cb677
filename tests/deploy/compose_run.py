"""Runs services of docker-compose.yml as processes: their commands, variables, users and checks.

Containers have addresses of their own. Here each ``service:port`` is a free port of this machine in
whatever names it: commands, variables and health checks. A folder takes the place of each volume.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.deploy.compose_file import mounts, services
from tests.deploy.paths import DEPLOY, ROOT
from tests.vllm.engine import free_port

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
START_S = 60.0
GRACE_S = 10.0
"""Seconds that Docker waits for a service's end where compose names none."""


@dataclass(slots=True)
class Service:
    """One service: what compose says of it, and its process."""

    name: str
    said: Mapping[str, Any]
    port: int
    """The port in its container."""
    here: int = field(default_factory=free_port)
    """The port on this machine."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The service's base URL on this machine."""
        return f"http://127.0.0.1:{self.here}"


class Project:
    """Services of our own image, with their volumes and logs in ``folder``."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        said = services()
        self.folder = folder
        self.services = {name: Service(name, said[name], port) for name, port in ports.items()}
        self.user = _image_user()

    def start(self, name: str) -> Service:
        """Start a service as a new container: with its volumes as they are, and nothing else.

        Returns once its health check passes.
        """
        service = self.services[name]
        environment, command = self._environment(service), self._command(service)
        with (self.folder / f"{name}.log").open("ab") as log:
            service.process = subprocess.Popen(
                [*as_user(self.user), sys.executable, "-m", "gateway.cli", *command],
                env=environment,
                cwd=self._volume(name),
                stdout=log,
                stderr=log,
            )
        self._until_healthy(service, environment)
        return service

    def stop(self, name: str) -> int:
        """Stop a service as Docker does; returns its exit code, or -9 after its grace period."""
        process = self.services[name].process
        assert process is not None
        grace = str(self.services[name].said.get("stop_grace_period", "")).removesuffix("s")
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=float(grace or GRACE_S))
        process.kill()
        return process.wait()

    @contextlib.contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """The services to the end of the block, which may replace them."""
        try:
            for name in names:
                self.start(name)
            yield
        finally:
            for name in names:
                if (process := self.services[name].process) is not None:
                    process.kill()
                    process.wait()

    def _command(self, service: Service) -> list[str]:
        """The arguments of ``lengthwise``, with files of the repository for those mounted."""
        mounted = mounts(service.said)
        moved = {inside: str(ROOT / outside) for inside, outside in mounted.items()}
        moved[str(service.port)] = str(service.here)
        return [moved.get(word, word) for word in service.said["command"]]

    def _environment(self, service: Service) -> dict[str, str]:
        """What the image and compose set, and nothing of this process's own environment."""
        said = {
            name: self._placed(value) for name, value in service.said.get("environment", {}).items()
        }
        for mount in service.said.get("volumes", ()):
            volume, inside = mount.split(":")[:2]
            if not volume.startswith("."):
                said = {
                    name: value.replace(inside, str(self._volume(volume)))
                    for name, value in said.items()
                }
        code = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        port = {"LENGTHWISE_LISTEN_PORT": str(service.here)}
        return code | (port if service.name == "gateway" else {}) | said

    def _placed(self, text: str) -> str:
        for service in self.services.values():
            text = text.replace(f"{service.name}:{service.port}", f"127.0.0.1:{service.here}")
        return text

    def _volume(self, name: str) -> Path:
        """The folder of a volume; new ones belong to the image's user, as the image says."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            os.chown(folder, self.user, self.user)
        return folder

    def _until_healthy(self, service: Service, environment: Mapping[str, str]) -> None:
        deadline = monotonic() + START_S
        while subprocess.run(
            self._health_check(service), env=environment, capture_output=True, check=False
        ).returncode:
            assert service.process is not None
            log = (self.folder / f"{service.name}.log").read_text("utf-8")
            assert service.process.poll() is None, f"{service.name} has ended:\n{log}"
            assert monotonic() < deadline, f"{service.name} is not healthy:\n{log}"
            sleep(0.1)

    def _health_check(self, service: Service) -> list[str]:
        """The service's own check, or else that of the image."""
        if (said := service.said.get("healthcheck")) is not None:
            kind, program, *words = said["test"]
            assert (kind, program) == ("CMD", "python"), said
            there, here = f"127.0.0.1:{service.port}/", f"127.0.0.1:{service.here}/"
            assert any(there in word for word in words), words
            return [sys.executable, *(word.replace(there, here) for word in words)]
        found = re.search(r'^ +CMD \["python", "(.*/)(.*)"\]$', DOCKERFILE, re.MULTILINE)
        assert found is not None, "the image has no health check"
        assert f"COPY deploy/{found[2]} {found[1]}{found[2]}" in DOCKERFILE
        return [sys.executable, str(DEPLOY / found[2])]


def _image_user() -> int:
    """The user of the image, where this process may become that user; else its own user."""
    found = re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert found is not None, "the image runs as root"
    user = int(found[1])
    tried = [*as_user(user), sys.executable, "-c", "import gateway.cli"]
    possible = shutil.which("setpriv") and os.getuid() == 0
    if possible and not subprocess.run(tried, capture_output=True, check=False).returncode:
        return user
    return os.getuid()


def as_user(user: int) -> list[str]:
    """The words before a command that run it as ``user``.

    The user may read everything, since Python may be installed where only root reads, and write
    what is the user's own.
    """
    if user == os.getuid():
        return []
    words = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", *words, *(f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient"))]
