"""What a front counts, in files that outlive it: prometheus_client's multiprocess mode.

Each counter and histogram of the process has its value in memory that is mapped from a file, so the
parent reads there what a killed front has counted since its last page. Counts that are made for a
page alone (those of ``Collector`` classes) are not in the files.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger("lengthwise")

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder to ``prometheus_client``, which reads it when it is imported."""

_KINDS = ("counter", "histogram")


def make_empty(folder: Path) -> None:
    """Make the folder for the process that starts next, without what another has left.

    Raises:
        OSError: it cannot be made.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def take_counts(folder: Path, pid: int) -> list[Metric]:
    """The counters and histograms of a process that has ended, once; none where it kept none."""
    files = [str(one) for kind in _KINDS if (one := folder / f"{kind}_{pid}.db").exists()]
    try:
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError) as error:
        log.error("what process %d has counted since its last page is lost: %s", pid, error)
        return []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
