"""The process of the scheduler, which ends with its parent: python -m ... SOCKET FRONTS LINK."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from time import sleep

from gateway.fronts.parent_link import ParentLink
from gateway.remote_scheduler.command import ignore_hangups, run_scheduler_process

LOOK_S = 0.02


def main(path: str, fronts: str, link: str) -> int:
    """Run until a signal, or until the parent's death; returns the exit code."""
    ignore_hangups()
    parent = ParentLink(int(link))
    threading.Thread(target=_tell, args=(Path(path), parent), daemon=True).start()
    return run_scheduler_process(f"unix:{path}", int(fronts))


def _tell(path: Path, parent: ParentLink) -> None:
    """Tell the parent once the socket takes connections."""
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if not probe.connect_ex(str(path)):
                parent.serves()
                return
        sleep(LOOK_S)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
