"""Prepares the clients that the tests try: python -m tests.vllm.clients.prepare.

Makes `$LENGTHWISE_CLIENTS_HOME` (default `~/.cache/lengthwise/clients`), about 600 MB:

    venv/          an environment of its own with the clients for Python
    node_modules/  the clients for Node

A second run finds everything and returns at once. pip's and npm's own settings apply. Needs
Python 3.11 or later, its standard library, and npm.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from tests.vllm.prepare import PreparationError, call, locked, read, say, write

PYTHON_CLIENTS = (
    "openai==2.54.0",  # the newest that LlamaIndex allows; the test extra has the newest of all
    "anthropic==2.14.0",
    "litellm==1.110.2",
    "langchain-openai==1.7.4",
    "langchain-anthropic==1.7.10",
    "llama-index-llms-openai-like==0.8.1",
    "pydantic-ai-slim[openai,anthropic]==2.31.1",
)
NODE_CLIENTS = ("openai@6.49.0", "@anthropic-ai/sdk@1.14.0")


def home() -> Path:
    """Returns the folder that holds (or will hold) the clients."""
    default = "~/.cache/lengthwise/clients"
    return Path(os.environ.get("LENGTHWISE_CLIENTS_HOME") or default).expanduser().absolute()


def stamp() -> str:
    """Names the clients that these sources would install."""
    return hashlib.sha256("\0".join((*PYTHON_CLIENTS, *NODE_CLIENTS)).encode()).hexdigest()


def is_prepared(folder: Path) -> bool:
    """True if `folder` holds the clients of these sources."""
    return read(folder / "stamp") == stamp() and (folder / "venv/bin/python").exists()


def prepare(folder: Path) -> None:
    """Makes `folder` from scratch; the stamp comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if is_prepared(folder):
            return
        for stale in ("venv", "node_modules"):
            shutil.rmtree(folder / stale, ignore_errors=True)
        install_python_clients(folder)
        install_node_clients(folder)
        write(folder / "stamp", stamp())


def install_python_clients(folder: Path) -> None:
    """Makes venv/."""
    say(f"installing {', '.join(PYTHON_CLIENTS)}: a minute or two")
    call(
        [sys.executable, "-m", "venv", folder / "venv"],
        remedy="This Python cannot make environments: install its venv module "
        "(Debian: apt install python3-venv) or run this by another Python.",
    )
    pip: list[str | Path] = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check"]
    # Most of the modules are never imported: to compile them all takes longer than it saves.
    call(
        [*pip, "install", "-q", "--no-compile", *PYTHON_CLIENTS],
        remedy="Read pip's message above; then run this again.",
    )


def install_node_clients(folder: Path) -> None:
    """Makes node_modules/."""
    say(f"installing {', '.join(NODE_CLIENTS)}")
    write(folder / "package.json", "{}")
    call(
        ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", *NODE_CLIENTS],
        remedy="npm and Node are needed (Debian: apt install nodejs npm); then run this again.",
    )


def main() -> int:
    """Prepares and reports; returns the exit status."""
    folder = home()
    try:
        if not is_prepared(folder):
            prepare(folder)
    except (PreparationError, OSError) as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    say(f"ready: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
