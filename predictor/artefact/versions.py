"""The store of published versions of a predictor, with promotion and rollback.

``versions/NNNNNN/`` are model directories, ``current`` is a symbolic link to one of them, and
``history.jsonl`` has one line for each action, with time and reason. The line is written before the
link is switched, so the history always explains the current version.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictor.artefact.format import MANIFEST, ArtefactError
from predictor.files import atomic_write, exclusive, mode_in, rename

KEEP = 5
"""Versions kept beside the current version, the previous one and the base."""

_STAGE = ".stage-"

Event = dict[str, Any]


def artefact_id(manifest: Mapping[str, Any]) -> str:
    """The identity of an artefact: a digest of its files' checksums. Copies have the same id."""
    files = json.dumps(manifest.get("files", {}), sort_keys=True)
    return hashlib.sha256(files.encode()).hexdigest()[:16]


class Versions:
    """The store in ``folder``, which the first ``publish`` makes.

    Readers need no lock, because a version's directory never changes. Of two writers at a time,
    one gets LockedError.
    """

    def __init__(self, folder: Path | str, *, keep: int = KEEP) -> None:
        self.folder = Path(folder)
        self._keep = keep

    def current(self) -> Path | None:
        """The directory of the current version; None before the first promotion."""
        try:
            name = Path(os.readlink(self.folder / "current")).name
        except FileNotFoundError:
            return None
        return self._path(name)

    def previous(self) -> Path | None:
        """The directory of the version that ``rollback`` makes current; None if there is none."""
        here = self.current()
        name = self._replaced_by(here.name) if here else None
        return self._path(name) if name and self._path(name).is_dir() else None

    def base(self) -> Path | None:
        """The directory of the latest version trained offline, from which refits start."""
        for event in reversed(self.history()):
            if event["action"] == "promote" and event.get("base"):
                return self._path(event["version"])
        return None

    def history(self) -> list[Event]:
        """The actions, oldest first, each with ``when``, ``who``, ``action``, ``version``, ..."""
        try:
            lines = (self.folder / "history.jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        events = (_event(line) for line in lines)
        return [event for event in events if event]

    def layer_path(self, version: str) -> Path:
        """The file with what an adaptive layer learned before ``version`` became current."""
        return self.folder / f"layer-{version}.npz"

    def promoted_at(self, version: str) -> float:
        """When ``version`` was last made current, in Unix seconds; 0 if never."""
        times = [
            datetime.datetime.fromisoformat(event["when"]).timestamp()
            for event in self.history()
            if event["version"] == version and event["action"] in {"promote", "rollback"}
        ]
        return max(times, default=0.0)

    def publish(self, source: Path) -> str:
        """Copy the model directory ``source`` into the store and return the new version's name.

        The new version is not current yet. Old versions beyond ``keep`` are deleted.
        """
        with exclusive(self.folder / "lock"):
            root = self.folder / "versions"
            root.mkdir(mode_in(self.folder, 0o777), exist_ok=True)
            for leftover in root.glob(f"{_STAGE}*"):  # of a crash; the lock excludes other writers
                shutil.rmtree(leftover, ignore_errors=True)
            name = f"{self._last() + 1:06d}"
            stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=root))
            for file in sorted(source.iterdir()):
                copied = atomic_write(stage / file.name, mode=mode_in(root))
                with file.open("rb") as original, copied as copy:
                    shutil.copyfileobj(original, copy)
            stage.chmod(mode_in(root, 0o755))
            rename(stage, root / name)
            self._prune(spare=name)
        return name

    def promote(
        self,
        version: str,
        *,
        who: str,
        reason: str,
        expected: Path | None = None,
        base: bool = False,
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Make ``version`` the current version.

        ``expected``: the current version that ``version`` was compared with. ``base``: the version
        was trained offline, and refits start from it. ``figures`` go to the history.

        Raises:
            ArtefactError: the version does not exist, or ``expected`` is not the current version.
        """
        with exclusive(self.folder / "lock"):
            here = self.current()
            if expected is not None and here != expected:
                raise ArtefactError(
                    f"{self.folder}: current is {here.name if here else 'none'} now, no longer "
                    f"{expected.name}; nothing was promoted, refit again"
                )
            manifest = self._manifest(version)
            online = manifest.get("online", {})
            previous = here.name if here and here.name != version else None
            self._record(
                "promote",
                version,
                who=who,
                reason=reason,
                previous=previous,
                base=base,
                identity=artefact_id(manifest),
                lineage=online.get("base", artefact_id(manifest)),
                learned=online.get("learned", {}),
                figures=dict(figures or {}),
            )
            self._switch(version)

    def rollback(self, *, who: str, reason: str) -> str:
        """Make the previous version current again and return its name.

        Raises:
            ArtefactError: there is no such store, or no previous version.
        """
        if not (self.folder / "history.jsonl").is_file():  # make no folder of a misspelt name
            raise ArtefactError(
                f"{self.folder} is no store of models; give the folder `models` under "
                "learning.folder, or the --store of `lengthwise refit`"
            )
        with exclusive(self.folder / "lock"):
            here, back = self.current(), self.previous()
            if here is None or back is None:
                raise ArtefactError(
                    f"{self.folder} has no version before {here.name if here else 'the first'}; "
                    "nothing was changed"
                )
            self._record("rollback", back.name, who=who, reason=reason, left=here.name)
            self._switch(back.name)
        return back.name

    def record_kept(
        self, *, who: str, reason: str, figures: Mapping[str, Any] | None = None
    ) -> None:
        """Write to the history that the current version was kept: no candidate was promoted."""
        with exclusive(self.folder / "lock"):
            here = self.current()
            name = here.name if here else ""
            self._record("keep", name, who=who, reason=reason, figures=dict(figures or {}))

    def _path(self, name: str) -> Path:
        return self.folder / "versions" / name

    def _manifest(self, version: str) -> dict[str, Any]:
        file = self._path(version) / MANIFEST
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{file} cannot be read ({error}); publish it first") from error
        return manifest if isinstance(manifest, dict) else {}

    def _last(self) -> int:
        """The highest number ever given to a version, deleted versions included."""
        names = [event["version"] for event in self.history()]
        names += [path.name for path in (self.folder / "versions").iterdir()]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _replaced_by(self, version: str) -> str | None:
        """The version that was current when ``version`` was last promoted."""
        for event in reversed(self.history()):
            if event["action"] == "promote" and event["version"] == version:
                previous = event.get("previous")
                return previous if isinstance(previous, str) else None
        return None

    def _record(self, action: str, version: str, **more: Any) -> None:
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        event = {"when": when, "action": action, "version": version, **more}
        path = self.folder / "history.jsonl"
        with open(path, "ab+", opener=self._opened) as file:
            if file.tell() and not path.read_bytes().endswith(b"\n"):
                file.write(b"\n")  # ends a line that a crash has torn
            file.write(json.dumps(event).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _opened(self, path: str, flags: int) -> int:
        return os.open(path, flags, mode_in(self.folder))

    def _switch(self, version: str) -> None:
        link = self.folder / ".current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions") / version)
        rename(link, self.folder / "current")

    def _prune(self, spare: str) -> None:
        wanted = {spare, *(path.name for path in (self.current(), self.previous()) if path)}
        base = self.base()
        wanted |= {base.name} if base else set()
        old = sorted(path for path in (self.folder / "versions").iterdir() if path.name.isdecimal())
        for path in old[: -self._keep]:
            if path.name not in wanted:
                shutil.rmtree(path, ignore_errors=True)


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    named = isinstance(event, dict) and {"action", "version"} <= event.keys()
    return event if named and isinstance(event["version"], str) else None
