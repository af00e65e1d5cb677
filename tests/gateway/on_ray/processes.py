"""Processes of Ray, started by a command of ours, found and ended by what it gave them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

from tests.deploy.paths import ROOT

START_S = 240.0
"""Seconds on a machine that is busy with other things; 15 on one that is not."""
MARK = "TEST_RUN_OF_LENGTHWISE"


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
        env["RAY_worker_niceness"] = "0"  # Ray's 15 starves its processes beside other tests
        env.pop("RAY_ADDRESS", None)
        self._seen: dict[int, str] = {}
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
        return sorted(pid for pid in self._all() if title in _text(pid, "cmdline"))

    def _all(self) -> set[int]:
        """The processes that have the run's mark, and what they have started.

        Ray's agents overwrite their variables with a title, and stay when their parent is killed:
        whoever was seen once is remembered by the time of its start.
        """
        alive = {pid: stat for pid in _pids() if (stat := _stat(pid))}
        mark = f"{MARK}={self.mark}"
        found = {pid for pid in alive if mark in _text(pid, "environ")}
        found |= {pid for pid, (_, start) in alive.items() if self._seen.get(pid) == start}
        while more := {pid for pid, (up, _) in alive.items() if up in found} - found:
            found |= more
        self._seen = {pid: alive[pid][1] for pid in found}
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


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:  # it has just ended
        return ""


def _stat(pid: int) -> tuple[int, str] | None:
    """Parent and start of a process; None for one that has ended."""
    fields = _text(pid, "stat").rpartition(")")[2].split()
    return (int(fields[1]), fields[19]) if fields and fields[0] != "Z" else None


def parent(pid: int) -> int:
    """The process that has started another: a raylet, for a process of Ray's."""
    stat = _stat(pid)
    assert stat is not None, f"process {pid} has ended"
    return stat[0]
