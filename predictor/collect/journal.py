"""The journal of a collection: one line for each finished sample, only appended to.

The journal survives every end of a run. Opening the journal again cuts off a last line that a crash
has torn; the run then continues from all other samples.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from predictor.collect.errors import CollectError
from predictor.collect.prompts import CollectPrompt
from predictor.files import PRIVATE_FILE, lock

NAME = "journal.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished answer: its length in the server's tokens, and why the answer ended."""

    prompt_id: str
    digest: str
    sample_idx: int
    response_tokens: int
    input_tokens: int | None
    finish_reason: str
    capped: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A prompt that the server refuses, with the HTTP status."""

    prompt_id: str
    digest: str
    status: int


class Journal:
    """The journal in ``folder``, made if absent, for one writer at a time; a context manager.

    ``samples`` are by prompt id and sample number, ``refusals`` by prompt id.

    Raises:
        CollectError: another run writes the journal, the journal is damaged, or the journal was
            begun with other ``settings``.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self.samples: dict[tuple[str, int], Sample] = {}
        self.refusals: dict[str, Refusal] = {}
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        try:
            self._lock()
            self._load(settings)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush the journal to the disk and close it."""
        os.fsync(self._file)
        os.close(self._file)

    def add(self, entry: Sample | Refusal) -> None:
        """Append an entry with one write, so that a crash leaves the whole line or none."""
        if isinstance(entry, Sample):
            self.samples[entry.prompt_id, entry.sample_idx] = entry
            self._append({"kind": "sample", **asdict(entry)})
        else:
            self.refusals[entry.prompt_id] = entry
            self._append({"kind": "refusal", **asdict(entry)})

    def check(self, prompts: Iterable[CollectPrompt]) -> None:
        """Check that every sampled prompt is among ``prompts``, unchanged; new prompts are allowed.

        Raises:
            CollectError: a prompt is missing or was changed.
        """
        now = {prompt.prompt_id: prompt.digest for prompt in prompts}
        kept = {sample.prompt_id: sample.digest for sample in self.samples.values()}
        kept |= {refusal.prompt_id: refusal.digest for refusal in self.refusals.values()}
        for prompt_id, digest in kept.items():
            if now.get(prompt_id) != digest:
                what = "changed since" if prompt_id in now else "no longer among the prompts"
                raise CollectError(
                    f"{self.path} has samples of prompt {prompt_id!r}, which is {what}; give all "
                    "prompts of the first run (and more if you like) or choose another --out"
                )

    def _lock(self) -> None:
        try:
            lock(self._file)
        except OSError as error:
            raise CollectError(
                f"{self.path} is being written by another run; wait for that run or choose another "
                "--out"
            ) from error

    def _load(self, settings: Mapping[str, Any]) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._file, whole)
        lines = data[:whole].splitlines()
        if not lines:
            self._append({"kind": "settings", "version": VERSION, **settings})
            return
        self._compare(self._parse(lines[0], 1), settings)
        for number, line in enumerate(lines[1:], 2):
            self._keep(self._parse(line, number), number)

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise self._damaged(number) from error
        if not isinstance(entry, dict):
            raise self._damaged(number)
        return entry

    def _damaged(self, number: int) -> CollectError:
        return CollectError(
            f"{self.path}, line {number} is damaged; delete that line to sample again, or choose "
            "another --out"
        )

    def _compare(self, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        if begun.get("kind") != "settings" or begun.get("version") != VERSION:
            raise CollectError(
                f"{self.path} is not a journal of version {VERSION}; choose another --out"
            )
        for name, value in settings.items():
            if begun.get(name) != value:
                raise CollectError(
                    f"{self.path} was begun with --{name.replace('_', '-')} {begun.get(name)}, "
                    f"now it is {value}; give the old value or choose another --out"
                )

    def _keep(self, entry: dict[str, Any], number: int) -> None:
        try:
            if entry.pop("kind") == "sample":
                sample = Sample(**entry)
                self.samples[sample.prompt_id, sample.sample_idx] = sample
            else:
                refusal = Refusal(**entry)
                self.refusals[refusal.prompt_id] = refusal
        except (KeyError, TypeError) as error:
            raise self._damaged(number) from error

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        if os.write(self._file, line) < len(line):
            raise OSError(
                f"{self.path}: no space left for a whole line; free some space and run again"
            )
