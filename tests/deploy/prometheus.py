"""A real Prometheus with the deployed configuration, scraping the servers of a test."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import yaml

from tests.deploy.paths import DEPLOY
from tests.deploy.promtool import program

SCRAPE = "250ms"
START_S = 20.0
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """The field ``data`` of the HTTP API's answer."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The present values of an expression, by labels."""
        data = self.get("query", query=expression)
        assert data["resultType"] == "vector", expression
        return {
            tuple(sorted(sample["metric"].items())): float(sample["value"][1])
            for sample in data["result"]
        }

    def by(self, label: str, expression: str) -> dict[str, float]:
        """The present values of an expression, by one label."""
        return {dict(labels)[label]: value for labels, value in self.query(expression).items()}

    def has_numbers(self, expression: str) -> bool:
        """Whether the expression has a result and every value is finite."""
        values = self.query(expression).values()
        return bool(values) and all(map(math.isfinite, values))


@contextlib.contextmanager
def prometheus(folder: Path, gateway: str, workers: Iterable[str]) -> Iterator[Prometheus]:
    """Prometheus with its data in ``folder``; ``gateway`` and ``workers`` are base URLs."""
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_configuration(gateway, workers)), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    log = folder / "prometheus.log"
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            _wait_until_ready(f"http://{address}", process, log)
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()


def _configuration(gateway: str, workers: Iterable[str]) -> dict[str, Any]:
    """The deployed configuration with the targets of the test and shorter intervals."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": SCRAPE, "evaluation_interval": "1s"}
    config["rule_files"] = [str(CONFIG.parent / name) for name in config["rule_files"]]
    own, engines = config["scrape_configs"]
    own["static_configs"] = [{"targets": [urlsplit(gateway).netloc]}]
    del engines["dns_sd_configs"]
    engines["static_configs"] = [
        {"targets": [urlsplit(url).netloc], "labels": {"__meta_dns_name": f"worker-{number}"}}
        for number, url in enumerate(workers)
    ]
    return config


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + START_S
    while monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(URLError, ConnectionError), urlopen(f"{url}/-/ready", timeout=1):
            return
        sleep(0.05)
    raise AssertionError(f"Prometheus did not start:\n{log.read_text(encoding='utf-8')}")
