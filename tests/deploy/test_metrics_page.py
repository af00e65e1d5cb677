"""METRICS.md is what the code says; no metric and no label disappears without a decision."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.paths import DEPLOY

PAGE = DEPLOY / "METRICS.md"
GOLDEN = Path(__file__).with_name("metrics.txt")
ROW = re.compile(
    r"^\| `(\w+)` \| (\w+) \|[^|]*\|([^|]*)\|(?:\\\||[^|])*\|([^|]*)\|([^|]*)\|$", re.M
)


def _rows() -> list[tuple[str, str, str, str, str]]:
    """Name, type, labels, panels and rules of each metric."""
    rows: list[tuple[str, str, str, str, str]] = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return rows


def test_the_page_is_the_output_of_its_program() -> None:
    program = [sys.executable, str(DEPLOY / "metrics.py")]
    printed = subprocess.run(program, capture_output=True, check=True, timeout=60, text=True)
    assert printed.stdout == PAGE.read_text(encoding="utf-8"), (
        "run: python deploy/metrics.py > deploy/METRICS.md"
    )


def test_nothing_that_others_may_read_is_removed_or_renamed() -> None:
    here = {
        f"{name} {kind} {re.sub(r'[` ]', '', labels)}".strip() for name, kind, labels, *_ in _rows()
    }
    known = set(GOLDEN.read_text(encoding="utf-8").splitlines())
    assert known - here == set(), (
        "dashboards and alerts of others lose these: keep them, or say so in CHANGELOG.md and "
        "delete their lines in tests/deploy/metrics.txt"
    )
    assert here - known == set(), "new: add these lines to tests/deploy/metrics.txt"


def test_every_metric_has_a_panel() -> None:
    rows = _rows()
    assert len(rows) > 80
    assert [name for name, *_, panels, _ in rows if not panels.strip()] == []
