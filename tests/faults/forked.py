"""Runs of pytest in processes forked from one that has imported the libraries already.

Most faults are noticed within a second, and the imports took five.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = (
    "aiohttp",
    "anthropic",
    "fastapi",
    "httptools",
    "hypothesis",
    "lightgbm",
    "numpy",
    "openai",
    "prometheus_client.parser",
    "pydantic",
    "pytest",
    "pytest_asyncio.plugin",
    "scipy.sparse",
    "scipy.stats",
    "starlette.applications",
    "tokenizers",
    "uvicorn",
    "uvloop",
    "yaml",
)
"""What the tests import and no fault changes. A name that is not installed is passed over."""

OWN = frozenset(("gateway", "predictor", "scheduler", "tests"))
"""Packages that come from the tree under test."""

PASSED, FAILED, HUNG = 0, 1, 124
"""Exit codes of pytest, and ours for a run over the limit. Any code but ``FAILED`` (a hang, no such
test, an import error) does not show that a test notices."""

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(list(LIBRARIES))


@dataclass(frozen=True, slots=True)
class Run:
    """The end of a run of pytest: its exit code, and what it wrote."""

    code: int
    output: str


def pytest(root: Path, tests: Sequence[str], limit_s: float) -> Run:
    """Run ``tests`` on the tree below ``root`` and stop at the first that fails.

    After ``limit_s`` seconds the run ends with the code ``HUNG``, or ``FAILED`` where a test has
    failed until then: what it leaves behind may hold up its fixtures.
    """
    with tempfile.NamedTemporaryFile(prefix="fault-") as written:
        process = _PROCESSES.Process(target=_run, args=(root, list(tests), written.name))
        process.start()
        process.join(limit_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            shown = Path(written.name).read_text(errors="replace")
            failed = re.search(r"^[.s]*F\Z", shown, re.MULTILINE)  # the last that -x -q shows
            return Run(FAILED if failed else HUNG, f"no end within {limit_s:g} s")
        return Run(process.exitcode, Path(written.name).read_text(errors="replace"))


def _run(root: Path, tests: list[str], written: str) -> None:
    """Run pytest in this process, and end the process."""
    output = os.open(written, os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(root)
    # Bytecode is keyed by the source's time and size: a fault of equal size could go unseen.
    sys.dont_write_bytecode = True
    os.environ.update(PYTHONPATH=str(root), PYTHONDONTWRITEBYTECODE="1")
    sys.path[:] = [str(root), *(path for path in sys.path if path not in ("", str(_OWN_ROOT)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
    runner = importlib.import_module("pytest")
    # Hypothesis runs without its plugin, which draws other examples after a failure.
    plugins = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    early = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # plugins imported before pytest
    code = int(runner.main(["-x", "-q", f"--rootdir={root}", *plugins, *early, *tests]))
    sys.stdout.flush()
    os._exit(code)  # threads of a test that failed must not hold up the end


_OWN_ROOT = Path(__file__).resolve().parents[2]
