"""Trials: a model is loaded first in a process of its own, where a crash costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from functools import cache
from pathlib import Path
from typing import Any

from predictor import ArtefactError
from predictor.artefact.format import read_manifest
from predictor.artefact.versions import artefact_id
from predictor.fast.predictor import DEFAULT
from predictor.inference.trial import trial_command

LIMIT_S = 120.0
"""Seconds that a trial may take, on a busy machine too."""


class Trials:
    """Tries models, each once: a model is known by its files' checksums, which loading checks."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._passed: set[tuple[str, bool]] = set()

    async def check(self, path: Path | None, *, refine: bool) -> None:
        """Return once it is known that the model in ``path`` can be used (None: the shipped one).

        The model that ships is trusted, and so are copies of it.

        Raises:
            ArtefactError: the model cannot be used, or crashes, or takes too long.
        """
        if path is None:
            return
        folder, manifest = await asyncio.to_thread(_found, path)
        identity = artefact_id(manifest)
        if identity == _shipped() or (identity, refine) in self._passed:
            return
        await self._run(folder, refine=refine)
        self._passed.add((identity, refine))

    async def _run(self, folder: Path, *, refine: bool) -> None:
        command = trial_command(folder, refine=refine)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
            )
        except OSError as error:
            raise ArtefactError(f"{folder} cannot be tried ({error.strerror})") from error
        try:
            async with asyncio.timeout(self._limit_s):
                _, errors = await process.communicate()
        except TimeoutError:
            raise ArtefactError(
                f"{folder}: a trial took longer than {self._limit_s:g} s; train again with "
                "`lengthwise train`"
            ) from None
        finally:
            await _end(process)
        if process.returncode:
            raise ArtefactError(_fault(folder, process.returncode, errors.decode(errors="replace")))


def _found(path: Path) -> tuple[Path, dict[str, Any]]:
    """The model's own directory, which a link may lead to, and its manifest."""
    folder = path.resolve()
    return folder, read_manifest(folder)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _fault(folder: Path, code: int, errors: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"{folder} crashes the process that loads it ({name}); train again or copy it again"
    last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
    return last[0].removeprefix("lengthwise: ")[:2000]


@cache
def _shipped() -> str:
    return artefact_id(read_manifest(DEFAULT))
