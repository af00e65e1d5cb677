"""Processes of Ray, started by a command of ours, found and ended by what it gave them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from tests.deploy.paths import ROOT

START_S = 60.0
MARK = "LENGTHWISE_TEST_RUN"


class RayRun:
    """A command that starts Ray, and everything that comes of it."""

    def __init__(self, command: Sequence[str | Path], log: Path, **variables: str) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="lw"))  # sockets need a short path
        env = {**os.environ, MARK: self.mark, "RAY_TMPDIR": str(self.folder)}
        env |= {
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "disabled",
        }
        env.pop("RAY_ADDRESS", None)
        self.log = log
        self._output = log.open("wb")
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env={**env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def pids(self, title: str) -> list[int]:
        """The run's processes whose command line has a text, the eldest first."""
        return sorted(pid for pid, line in self._all().items() if title in line)

    def _all(self) -> Mapping[int, str]:
        mark = f"{MARK}={self.mark}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                if mark in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_text(errors="replace")
            except OSError:  # it has just ended
                continue
        return found

    def end(self) -> None:
        """End everything at once."""
        deadline = monotonic() + START_S
        while (left := self._all()) and monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.process.poll()
            sleep(0.05)
        self.process.wait(timeout=START_S)
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)
