"""Published versions of the predictor: one is current, the one before is a step back away.

``versions/NNNNNN/`` are model directories, ``current`` a symbolic link to one of them, and
``history.jsonl`` tells what was done, when and why. A line of history is written before the link
is switched, so that whatever is current can be accounted for.
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
from predictor.files import exclusive, rename

KEEP = 5
"""Versions that are kept besides the current one, the one before it and the base."""

_STAGE = ".stage-"

Event = dict[str, Any]


def artefact_id(manifest: Mapping[str, Any]) -> str:
    """Which artefact this is: a digest of its files' checksums. Copies share it."""
    files = json.dumps(manifest.get("files", {}), sort_keys=True)
    return hashlib.sha256(files.encode()).hexdigest()[:16]


class Versions:
    """The store in ``folder`` (made when something is first put in).

    Readers need no lock: ``current`` names a directory that stays as it is. Of two writers one
    gets ``LockedError``.
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
        """The version that ``rollback`` would go back to; None if there is none."""
        here = self.current()
        name = self._replaced_by(here.name) if here else None
        return self._path(name) if name and self._path(name).is_dir() else None

    def base(self) -> Path | None:
        """The latest version trained offline, from which refits start."""
        for event in reversed(self.history()):
            if event["action"] == "promote" and event.get("base"):
                return self._path(event["version"])
        return None

    def history(self) -> list[Event]:
        """What was done, oldest first: ``when``, ``who``, ``action``, ``version``, and more."""
        try:
            lines = (self.folder / "history.jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        events = (_event(line) for line in lines)
        return [event for event in events if event]

    def promoted_at(self, version: str) -> float:
        """When ``version`` was last made current, in Unix seconds; 0 if never."""
        times = [
            datetime.datetime.fromisoformat(event["when"]).timestamp()
            for event in self.history()
            if event["version"] == version and event["action"] in {"promote", "rollback"}
        ]
        return max(times, default=0.0)

    def publish(self, source: Path) -> str:
        """Copy the model directory ``source`` in as a new version and return its name.

        It is not current yet. Versions that are too old are deleted.
        """
        with exclusive(self.folder / "lock"):
            root = self.folder / "versions"
            root.mkdir(exist_ok=True)
            for left in root.glob(f"{_STAGE}*"):  # by a crash: writers are alone here
                shutil.rmtree(left, ignore_errors=True)
            name = f"{self._last() + 1:06d}"
            stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=root))
            for file in sorted(source.iterdir()):
                _copy(file, stage / file.name)
            stage.chmod(0o755)
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
        """Make ``version`` the current one.

        ``expected``: the current one that it was compared with. ``base``: it was trained offline,
        and refits start from it.

        Raises:
            ArtefactError: there is no such version, or another than ``expected`` is current now.
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
        """Make the version before the current one current again; returns its name.

        Raises:
            ArtefactError: there is none to go back to.
        """
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

    def keep(self, *, who: str, reason: str, figures: Mapping[str, Any] | None = None) -> None:
        """Note that a candidate was not promoted."""
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
        """The highest number ever given: one that was deleted is not given again."""
        names = [event["version"] for event in self.history()]
        names += [path.name for path in (self.folder / "versions").iterdir()]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _replaced_by(self, version: str) -> str | None:
        """What was current when ``version`` was last promoted."""
        for event in reversed(self.history()):
            if event["action"] == "promote" and event["version"] == version:
                previous = event.get("previous")
                return previous if isinstance(previous, str) else None
        return None

    def _record(self, action: str, version: str, **more: Any) -> None:
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        event = {"when": when, "action": action, "version": version, **more}
        path = self.folder / "history.jsonl"
        with path.open("ab+") as file:
            if file.tell() and not path.read_bytes().endswith(b"\n"):
                file.write(b"\n")  # a crash tore the last line: it stays alone
            file.write(json.dumps(event).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

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


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
