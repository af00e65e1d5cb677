"""Processes of the benches that measure a proxy: helpers beside it, and what /proc tells of it."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")
_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all that descend from it."""
    fields = [
        Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in family(pid)
    ]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def memory_mb(pid: int) -> float:
    """The resident memory of the same processes, in MiB."""
    texts = [Path(f"/proc/{one}/status").read_text() for one in family(pid)]
    return (
        sum(int(found[1]) for text in texts if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024
    )


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def go_first() -> None:
    """Let the niceness of this process, below 0, count against every other process.

    Linux gives each session an equal share of the cores (autogroup), whatever the niceness of its
    processes, so that ``nice`` alone is without effect against the programs of other terminals. The
    process gets a session of its own, if it may, and the session the process's niceness.
    """
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    if mine < 0:
        with suppress(PermissionError):  # it leads a group of processes, and keeps its session
            os.setsid()
        share_of(os.getpid(), mine)


def share_of(pid: int, niceness: int) -> None:
    """Set the niceness of the session of a process, where sessions share the cores."""
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text(str(niceness))


@contextmanager
def hurried(niceness: int) -> Iterator[None]:
    """Give what descends from this process with such a niceness that of this process instead."""
    ended, mine = threading.Event(), os.getpriority(os.PRIO_PROCESS, 0)

    def watch() -> None:
        while not ended.wait(0.5):
            with suppress(OSError):  # without the right, or a process has just ended
                for pid in family(os.getpid()):
                    if os.getpriority(os.PRIO_PROCESS, pid) == niceness:
                        os.setpriority(os.PRIO_PROCESS, pid, mine)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


@contextmanager
def beside(target: Any, *args: object) -> Iterator[Connection]:
    """A process on the last core to the end of the block, and the pipe to it."""
    here, there = _SPAWN.Pipe()
    one = _SPAWN.Process(target=target, args=(there, *args), daemon=True)
    one.start()
    assert one.pid is not None
    os.sched_setaffinity(one.pid, {max(os.sched_getaffinity(0))})
    try:
        yield here
    finally:
        one.kill()
        one.join()


def most_clients() -> int:
    """Clients that a gateway of this machine can take at a time.

    Raises the open files of this process, and of those that it starts, to what the machine allows;
    the gateway keeps half of them, and some, for its workers.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most // 2 - 100
