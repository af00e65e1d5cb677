"""Writes the Grafana dashboards, made of the panels in panels/, into dashboards/.

   python deploy/grafana/make.py

needs `pip install '.[test]'`. Grafana reads the JSON files: commit them too. With a folder
as argument, it writes them there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from boards import BOARDS
from grafana_foundation_sdk.cog.encoder import JSONEncoder


def write(folder: Path) -> None:
    """Write every dashboard as ``uid.json``."""
    for board in BOARDS:
        text = json.dumps(board.build(), cls=JSONEncoder, indent=2, ensure_ascii=False)
        (folder / f"{board.uid}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).with_name("dashboards"))
