"""A real vLLM server on this machine's CPU, for tests."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.vllm import prepare

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # More threads are no faster with a tiny model, and spin: 20 times slower beside other work.
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
LOG_TAIL_LINES = 40


class EngineError(Exception):
    """The server does not start; the message ends with the last lines of its log."""


def free_port() -> int:
    """Returns a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(kw_only=True)
class VllmServer:
    """A vLLM server: `with VllmServer(max_num_seqs=8) as server: ...` or start() and stop().

    Replies take the length a request names (see forced_length.py). `cpus` restricts the server
    to these CPUs; `num_gpu_blocks_override` makes the KV cache small (blocks of 128 tokens; None:
    4,096 blocks). The log of each start is appended to `log`.
    """

    served_model_names: list[str] = field(default_factory=lambda: ["tiny"])
    max_num_seqs: int = 8
    max_model_len: int = 4096
    num_gpu_blocks_override: int | None = None
    scheduling_policy: str = "fcfs"
    seed: int = 0
    port: int = field(default_factory=free_port)
    cpus: set[int] | None = None
    extra_args: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    home: Path = field(default_factory=prepare.home)
    log_dir: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="vllm-")))
    start_timeout: float = 300.0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)
    _guard: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """The file with the server's output."""
        return self.log_dir / f"vllm-{self.port}.log"

    @property
    def pid(self) -> int:
        """The process that answers HTTP; also the process group of all its processes."""
        if self._process is None:
            raise EngineError("the server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the process that answers HTTP is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Starts the server and returns once it is healthy."""
        if self._process is not None:
            raise EngineError("the server has been started before: stop it or use restart()")
        with self.log.open("ab") as log:
            self._process = self._spawn(log)
        try:
            self._guard = start_guard(self._process.pid)
            if self.cpus is not None:
                os.sched_setaffinity(self._process.pid, self.cpus)  # before it has any thread
            self._wait_until_healthy()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Ends the server as an operator would (SIGTERM), after some seconds by force."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self.kill()

    def kill(self) -> None:
        """Ends the server and every process it started at once (SIGKILL)."""
        if self._process is None:
            return
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        wait_for_end(self._process.pid, seconds=10)
        self._process = None

    def restart(self) -> Self:
        """Starts the server again on the same port, after stop() if it still runs."""
        self.stop()
        return self.start()

    def metrics(self) -> dict[str, float]:
        """Returns the server's `vllm:` metrics: see `read_metrics`."""
        return read_metrics(self.url)

    def cache_config(self) -> dict[str, str]:
        """Returns the labels of `vllm:cache_config_info`; `kv_cache_size_tokens` is among them."""
        return next(s.labels for s in samples(self.url) if s.name == "vllm:cache_config_info")

    def cpu_seconds(self) -> float:
        """Returns the CPU time that all processes of the server have used."""
        ticks = 0
        for pid in alive(self.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])  # user and system
        return ticks / os.sysconf("SC_CLK_TCK")

    def _command(self) -> list[str]:
        options = {
            "--model": str(self.home / "model"),
            "--host": "127.0.0.1",
            "--port": str(self.port),
            "--seed": str(self.seed),
            "--max-num-seqs": str(self.max_num_seqs),
            "--max-model-len": str(self.max_model_len),
            "--scheduling-policy": self.scheduling_policy,
            "--logits-processors": "forced_length:ForcedLength",
            # A share of the machine's memory; the default fails if other programs use memory.
            "--gpu-memory-utilization": "0.1",
            # The default runs the model in a second process. The two processes spin while they
            # wait for each other: four times slower on two cores.
            "--distributed-executor-backend": "vllm.v1.executor.uniproc_executor.UniProcExecutor",
        }
        if self.num_gpu_blocks_override is not None:
            options["--num-gpu-blocks-override"] = str(self.num_gpu_blocks_override)
        python = str(self.home / "venv/bin/python")
        command = [python, "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"]
        command += [word for option in options.items() for word in option]
        return [*command, "--served-model-name", *self.served_model_names, *self.extra_args]

    def _spawn(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, **ENVIRONMENT, **self.environment}
        environment["PYTHONPATH"] = str(Path(__file__).parent)  # the folder of forced_length.py
        return subprocess.Popen(
            self._command(),
            cwd=self.log_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + self.start_timeout
        while not self._is_healthy():
            if not self.running:
                raise EngineError(f"vLLM ended while starting\n{self._log_tail()}")
            if time.monotonic() > deadline:
                seconds = self.start_timeout
                raise EngineError(f"vLLM not healthy after {seconds:g} s\n{self._log_tail()}")
            time.sleep(0.1)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- the end of {self.log}", *lines])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def read_metrics(url: str) -> dict[str, float]:
    """Returns the `vllm:` metrics of the server at `url` by name, summed over their labels.

    Histograms give their `_sum` and `_count`. A name has the suffix `/metrics` shows.
    """
    totals: dict[str, float] = {}
    for sample in samples(url):
        if not sample.name.endswith(("_bucket", "_created")):
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def samples(url: str, prefix: str = "vllm:") -> Iterator[Sample]:
    """Yields all samples of the server at `url` whose metrics' names begin with `prefix`."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    for family in text_string_to_metric_families(text):
        if family.name.startswith(prefix):
            yield from family.samples


def start_guard(group: int) -> "subprocess.Popen[bytes]":
    """Starts a shell that kills a process group when this process ends, in whatever way."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f"read _; kill -KILL -{group}"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_end(group: int, *, seconds: float) -> None:
    """Waits until no process of a process group is left."""
    deadline = time.monotonic() + seconds
    while alive(group) and time.monotonic() < deadline:
        time.sleep(0.02)


def alive(group: int) -> list[int]:
    """Returns the processes of a process group that are neither gone nor zombies."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent group ...; the name may contain blanks and brackets
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                pids.append(int(stat.parent.name))
    return pids
