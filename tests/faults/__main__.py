"""Applies each fault to a copy of the tree and expects its test to fail: python -m tests.faults.

Exit code 0: every fault is caught. 1: a fault lives, or a test fails without any fault.
2: no fault matches. Words on the command line restrict the run to the faults whose file and
description contain all of the words; ``--part 1/3`` to each third of them, from the first on.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from tests.faults.fault import Fault
from tests.faults.faults import FAULTS
from tests.faults.forked import FAILED, PASSED, pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("scheduler", "predictor", "gateway", "deploy", "tests", "pyproject.toml")
WORKERS = 2
"""Copies of the tree, and tests at a time."""

LIMIT_S = 120
"""Seconds for one run of pytest: a fault can make a test hang."""

RAY_LIMIT_S = 360
"""The same where Ray is started, whose tests wait for 90 s at most."""


def copied(folder: Path) -> Path:
    """Copy what the tests need to ``folder``."""
    skipped = shutil.ignore_patterns("__pycache__", "results")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


class Trees:
    """Copies of the tree that take turns, so that several faults are tried at a time."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            (folder / str(number)).mkdir()
            self._free.put(copied(folder / str(number)))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy for the length of the block."""
        tree = self._free.get()
        try:
            yield tree
        finally:
            self._free.put(tree)

    def verdict(self, fault: Fault) -> str:
        """Empty if the fault's test fails with the fault in the tree, else what happened.

        A fault that lives is tried once more: whether a race is lost depends on the machine.
        """
        limit = RAY_LIMIT_S if "/on_ray/" in fault.test else LIMIT_S
        with self.one() as tree:
            sound = fault.put_into(tree)
            try:
                ran = pytest(tree, [fault.test], limit)
                if ran.code != FAILED:
                    ran = pytest(tree, [fault.test], limit)
            finally:
                (tree / fault.file).write_text(sound, encoding="utf-8")
        if ran.code == FAILED:
            return ""
        if ran.code == PASSED:
            return f"LIVES: {fault.test} passes in spite of it"
        return f"NOT TRIED: pytest ended with {ran.code}: {ran.output[-500:]}"


def part(text: str) -> tuple[int, int]:
    """``K/N``: the number of a part, from 1 on, and the number of parts."""
    number, _, parts = text.partition("/")
    if not 1 <= int(number) <= int(parts):
        raise ValueError(text)
    return int(number), int(parts)


def main(argv: Sequence[str]) -> int:
    """Try the faults that match all words of ``argv``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--part", type=part, default=(1, 1), metavar="K/N")
    args = parser.parse_args(argv)
    faults = [fault for fault in FAULTS if all(word in fault.name for word in args.words)]
    number, parts = args.part
    faults = faults[number - 1 :: parts]
    if not faults:
        print(f"no fault has {' and '.join(args.words)} in its file or description")
        return 2
    began = monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        trees = Trees(Path(folder), WORKERS)
        tests = sorted({fault.test for fault in faults})
        with trees.one() as tree:
            sound = pytest(tree, tests, LIMIT_S * 5)
            if sound.code != PASSED:  # for the machine's load, perhaps
                sound = pytest(tree, tests, LIMIT_S * 5)
        if sound.code != PASSED:
            print(f"The tests do not pass without a fault:\n{sound.output[-3000:]}")
            return 1
        living = 0
        for fault, verdict in zip(faults, pool.map(trees.verdict, faults), strict=True):
            living += bool(verdict)
            print(f"{verdict or 'caught'} | {fault.name}", flush=True)
    print(f"{len(faults) - living} of {len(faults)} faults caught in {monotonic() - began:.0f} s")
    return 1 if living else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
