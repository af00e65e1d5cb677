"""Memory comes back after large bodies, whatever small objects were made meanwhile."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")

HOLD = """
import sys
from gateway.serve.memory import give_large_blocks_back
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
if sys.argv[1] == "back":
    give_large_blocks_back()
bytearray(24 * 2**20)  # the largest so far
before, small, large = resident(), [], []
for size in range(40):
    large.append(bytearray(b"x") * (4 * 2**20 + size))
    small.append(bytes(1000 + size))
large.clear()
print(resident() - before)
"""


def growth(word: str) -> float:
    """MiB that stay after 160 MiB of large blocks are freed."""
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    command = [sys.executable, "-c", HOLD, word]
    return float(subprocess.check_output(command, env=environment, text=True))


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_large_blocks_go_back_to_the_system() -> None:
    assert growth("back") < 16 < growth("keep")


LOAD = """
import sys
import gateway.command_line.commands
from predictor.inference.tiered import TieredPredictor
TieredPredictor.load(refine=False)
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""


def test_serving_loads_no_package_that_only_training_and_tables_need() -> None:
    unneeded = ["dask", "lightgbm", "matplotlib", "pandas", "pyarrow", "rich", "scipy", "sklearn"]
    unneeded += ["torch"]
    command = [sys.executable, "-c", LOAD, *unneeded]
    assert subprocess.check_output(command, text=True).strip() == "[]"


def test_a_gateway_with_workers_does_not_load_the_emulator() -> None:
    load = "import sys, gateway.serve.command; print('gateway.emulator' in sys.modules)"
    command = [sys.executable, "-c", load]
    assert subprocess.check_output(command, text=True).strip() == "False"
