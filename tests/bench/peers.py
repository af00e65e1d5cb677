"""Proxies of others, which `tests.bench.gateway --peers` measures beside this one.

    python -m tests.bench.peers

Makes `$LENGTHWISE_PEERS_HOME` (default `~/.cache/lengthwise/peers`), 1.5 GB: a folder for each
with an environment of its own. A second run finds them and returns at once. pip's own settings
apply. Needs the standard library of Python 3.11 or later.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.vllm.prepare import PreparationError, call, locked, read, say, write

LITELLM = """\
model_list:
  - model_name: mock
    litellm_params: {model: openai/mock, api_base: ENGINE/v1, api_key: none}
litellm_settings: {telemetry: false}
general_settings: {dangerously_permit_weak_or_unset_master_key: true}
"""
"""LiteLLM's configuration: without keys, it wants to be told that it may start so."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy. ``command`` follows its environment's bin/; ``{port}`` and ``{engine}`` are where it
    listens and the engine's URL, ``{folder}`` a folder for its files."""

    title: str
    package: str
    wanted: str
    """What follows the package's name in its requirement. LiteLLM's extra asks for an exact version
    of a further package, which is not always published: so pip may take an older LiteLLM."""
    command: str

    @property
    def folder(self) -> Path:
        """Where its environment is."""
        return home() / self.package

    @property
    def name(self) -> str:
        """Its name in the table, with the installed version."""
        pattern = f"venv/lib/*/site-packages/{self.package.replace('-', '_')}-*.dist-info"
        found = [
            path.name.split("-")[1].removesuffix(".dist") for path in self.folder.glob(pattern)
        ]
        return " ".join([self.title, *found])

    def words(self) -> str:
        """The command line that starts it."""
        return f"{self.folder}/venv/bin/{self.command}"


PEERS = (
    Peer("LiteLLM", "litellm", "[proxy]>=1.105,<1.110", "litellm --config {folder}/litellm.yaml "
         "--host 127.0.0.1 --port {port} --num_workers 1 --telemetry False"),
    Peer("vllm-router (Rust)", "vllm-router", "==0.1.17", "vllm-router --worker-urls {engine} "
         "--host 127.0.0.1 --port {port} --policy round_robin"),
    Peer("SMG", "smg", "==1.13.0", "smg launch --worker-urls {engine} "
         "--host 127.0.0.1 --port {port} --policy round_robin"),
)  # fmt: skip


def home() -> Path:
    """The folder that holds (or will hold) the proxies."""
    default = "~/.cache/lengthwise/peers"
    return Path(os.environ.get("LENGTHWISE_PEERS_HOME") or default).expanduser().absolute()


def prepare(peer: Peer) -> None:
    """Makes a proxy's environment unless it is there; the stamp comes last.

    Raises:
        PreparationError: it cannot be installed here; says why.
    """
    folder = peer.folder
    folder.mkdir(parents=True, exist_ok=True)
    requirement = peer.package + peer.wanted
    stamp = hashlib.sha256(requirement.encode()).hexdigest()
    with locked(folder):
        if read(folder / "stamp") == stamp and (folder / "venv/bin/python").exists():
            return
        shutil.rmtree(folder / "venv", ignore_errors=True)
        say(f"installing {requirement}: a minute or more")
        call(
            [sys.executable, "-m", "venv", folder / "venv"],
            remedy="This Python cannot make environments: install its venv module.",
        )
        pip: list[str | Path] = [
            folder / "venv/bin/python",
            "-m",
            "pip",
            "--disable-pip-version-check",
        ]
        call(
            [*pip, "install", "-q", "--no-compile", requirement],
            remedy="Read pip's message above; then run this again.",
        )
        write(folder / "stamp", stamp)


def prepared() -> tuple[dict[str, str], dict[str, str]]:
    """The commands of the proxies, and of those that cannot be installed here, why."""
    commands, missing = {}, {}
    for peer in PEERS:
        try:
            prepare(peer)
            commands[peer.name] = peer.words()
        except (PreparationError, OSError) as error:
            missing[peer.name] = str(error).splitlines()[0]
    return commands, missing


def main() -> int:
    """Prepares and reports; returns the exit status."""
    _, missing = prepared()
    for name, why in missing.items():
        print(f"prepare: {name}: {why}", file=sys.stderr)
    say(f"ready: {home()}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
