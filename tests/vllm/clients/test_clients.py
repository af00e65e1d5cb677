"""Each client, unchanged, gets through the gateway what it gets from vLLM directly."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import Gateway, gateway, until
from tests.vllm.clients.comparison import comparable, differences
from tests.vllm.clients.prepare import NODE_CLIENTS, PYTHON_CLIENTS
from tests.vllm.engine import VllmServer, samples

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(__file__).with_name("programs")
RESULTS = ROOT / "gateway/RESULTS.md"
TRIES = 4
"""Runs of a program: vLLM puts the tokens that wait into one event, now and then all of them."""
LONG_TOKENS = 2000
"""Answers that a client has left are shorter: their limits are 3,500 tokens."""


def command(program: str, home: Path) -> list[str]:
    """How a program of ``programs/`` is run."""
    if program.endswith(".mjs"):
        return ["node", str(PROGRAMS / program)]
    newest, _, name = program.rpartition(" ")  # the test extra has the newest openai
    python = sys.executable if newest else str(home / "venv/bin/python")
    return [python, "-m", f"tests.vllm.clients.programs.{name}"]


async def output_of(words: Sequence[str], home: Path) -> bytes:
    """Standard output of a program that ends well."""
    environment = {**os.environ, "CLIENTS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return output


async def different(words: list[str], home: Path) -> dict[str, list[str]]:
    """Scenario -> what differs between its results at the two URLs."""
    results: dict[str, list[Any]] = json.loads(await output_of(words, home))
    assert results
    for scenario, (direct, _) in results.items():
        assert is_error(direct) is (is_refusal(scenario)), (scenario, direct)
    found = {name: list(differences(*seen(name, *pair))) for name, pair in results.items()}
    return {name: lines for name, lines in found.items() if lines}


def is_refusal(scenario: str) -> bool:
    """Whether a scenario is to raise an error; that of many parameters lists its errors."""
    return scenario.startswith("refused") and scenario != "refused_for_parameters"


def is_error(result: Any) -> bool:
    return isinstance(result, dict) and {"error", "status", "message"} <= result.keys()


def seen(scenario: str, *results: Any) -> list[Any]:
    """What is compared of results: all, but of some refusals the class and the status alone.

    The gateway itself refuses models that no worker serves and paths that vLLM does not have.
    """
    if scenario.startswith(("refused_model", "refused_path")):
        return [{"error": result["error"], "status": result["status"]} for result in results]
    return [comparable(result) for result in results]


def long_answers(server: VllmServer) -> float:
    """Requests so far for which the engine made more than LONG_TOKENS tokens."""
    counts = [s for s in samples(server.url) if s.name.startswith("vllm:request_generation_tokens")]
    every = sum(s.value for s in counts if s.name.endswith("_count"))
    short = sum(s.value for s in counts if s.labels.get("le") == f"{LONG_TOKENS}.0")
    assert short or not every, "the buckets have other bounds"
    return every - short


async def until_dropped(server: VllmServer, running: Gateway) -> None:
    """Wait until neither the engine nor the gateway has a request."""
    await running.until_idle()

    def busy() -> float:
        metrics = server.metrics()
        return metrics["vllm:num_requests_running"] + metrics["vllm:num_requests_waiting"]

    await until(lambda: not busy(), "vLLM is idle")


@pytest.mark.parametrize(
    "program",
    [
        "openai_python",
        "newest openai_python",
        "openai_node.mjs",
        "anthropic_python",
        "anthropic_node.mjs",
        "litellm_python",
        "langchain_python",
        "llama_index_python",
        "pydantic_ai_python",
    ],
)
async def test_a_client_gets_through_the_gateway_what_vllm_gives_directly(
    program: str, client_server: VllmServer, clients_home: Path
) -> None:
    words = command(program, clients_home)
    before = long_answers(client_server)
    async with gateway(client_server.url) as running:
        words += [client_server.url, running.url]
        left = await different(words, clients_home)
        for _ in range(1, TRIES):
            again = await different(words, clients_home) if left else {}
            left = {name: lines for name, lines in left.items() if name in again}
        await until_dropped(client_server, running)
    assert not left
    assert long_answers(client_server) == before, "the engine went on for a client that had left"


BENCH_SERVE = """
import argparse, sys
from vllm.benchmarks.serve import add_cli_args, main
parser = argparse.ArgumentParser()
add_cli_args(parser)
for n, url in enumerate(sys.argv[1:3]):
    main(parser.parse_args([*sys.argv[3:], "--base-url", url, "--result-filename", f"{n}.json"]))
"""
"""``vllm bench serve`` at two URLs. The program ``vllm`` itself looks for a package named vllm."""


async def test_vllm_bench_serve_counts_the_same(
    client_server: VllmServer, vllm_home: Path, tmp_path: Path
) -> None:
    options = ["--backend", "openai-chat", "--endpoint", "/v1/chat/completions", "--seed", "3"]
    options += ["--model", "tiny", "--tokenizer", str(vllm_home / "model"), "--num-prompts", "30"]
    options += ["--dataset-name", "random", "--random-input-len", "40", "--random-output-len", "20"]
    options += ["--ignore-eos", "--disable-tqdm", "--save-result", "--result-dir", str(tmp_path)]
    async with gateway(client_server.url) as running:
        program = [str(vllm_home / "venv/bin/python"), "-c", BENCH_SERVE]
        await output_of([*program, client_server.url, running.url, *options], tmp_path)
    names = ("completed", "failed", "total_input_tokens", "total_output_tokens")
    results = [json.loads((tmp_path / f"{n}.json").read_text()) for n in (0, 1)]
    direct, relayed = ({name: result[name] for name in names} for result in results)
    assert relayed == direct
    assert direct["completed"] == 30
    assert not direct["failed"]


def test_the_published_table_names_the_versions_that_are_tried() -> None:
    table = RESULTS.read_text(encoding="utf-8")
    for client in (*PYTHON_CLIENTS, *NODE_CLIENTS):
        name, _, version = client.replace("==", "@").rpartition("@")
        rows = [line for line in table.splitlines() if f"`{name.partition('[')[0]}`" in line]
        assert any(version in row for row in rows), client
