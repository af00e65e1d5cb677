"""The mix of kinds of traffic through a live gateway before an emulated worker, against stock.

    python -m tests.bench.mix_live FILE... --runs FILE [--requests 500] [--speed 4] [--check]

Each FILE holds requests as ``tests.bench.mix`` takes them. The first ``--requests`` are sent with
their recorded answer lengths; half of the answers are streamed. The worker emulates the engine of
the simulated mix with 24,000 KV tokens, ``--speed`` times faster than real time. All figures are in
seconds of the engine. Load 1 is the capacity that ``tests.bench.mix`` computes. The arms of a file
share requests and arrivals. Each gateway starts cold with the shipped predictor and learns. It
knows the worker's 256 sequences from its configuration, and reads the worker's load at the usual
interval of engine time.

Emulator, gateway and clients share the machine. If its cores do not suffice, the engine's steps
take longer than they should: the table shows the ratio, which should be 1. The emulator counts a
prompt's tokens by its text, without tools; the simulation beside it takes the same count.

Each finished run is a line of the file of ``--runs``. The same command continues an interrupted
benchmark; without FILEs it only reports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import aiohttp

from gateway.emulator.dialects.chat.request import Message, chat_prompt
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.inputs.json_lines import json_lines_source
from gateway.simulate.study import Study
from predictor.threads import one_thread
from scheduler.records import RequestRecord
from scheduler.sim.request import Request
from tests.bench.burst import server_process
from tests.bench.claims import Claim, check
from tests.bench.mix import ARMS, COLUMNS, share_streamed
from tests.bench.paced_emulator import SETUP, pace_of, paced_emulator
from tests.bench.report import STOCK, Run, ratios
from tests.bench.sustained import FLAGS, Journal
from tests.vllm.engine import read_metrics

LOADS = (0.7, 0.9, 1.1)
LIVE = (STOCK, *FLAGS)
SCRAPE_S, PROBE_S = 10.0, 1.0
"""The gateway's usual intervals of health.scrape_s and health.interval_s."""

WARM_UP = "Hello"
"""Prompt of the three requests before each run: the first requests of a process are slow."""

CLAIMS = (
    Claim("default", STOCK, "mean_normalised_latency", most=1.0),
    Claim("default", STOCK, "p99_e2e", most=1.2),
    Claim("default", STOCK, "preemptions", most=0.1),
    Claim("default", STOCK, "throughput_tokens", least=0.98),
)
"""What --check requires at every load."""


def read_bodies(path: Path, count: int) -> list[dict[str, Any]]:
    """The first ``count`` requests of a file, with their prompts as the emulator counts them."""
    bodies = [json.loads(line) for line in path.read_text().splitlines() if line.strip()][:count]
    for body in bodies:
        messages = [Message.model_validate(message) for message in body["messages"]]
        body["prompt_tokens"] = chat_prompt(messages, body).tokens
    return bodies


def simulation(bodies: Sequence[dict[str, Any]]) -> tuple[Study, list[Request]]:
    """The simulation of the same requests, and the requests in the order of their arrivals."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(body) + "\n" for body in bodies)
        file.flush()
        source = json_lines_source(Path(file.name), Forecasting())
    drawn = [share_streamed(request, 0.5) for request in source.draw(source.size, 0)]
    return Study(SETUP, lambda _: drawn, forecaster=source.forecaster), drawn


def sent(body: dict[str, Any], request: Request) -> dict[str, Any]:
    """The request as a client sends it."""
    prompt = {name: body[name] for name in ("model", "messages", "tools") if name in body}
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    length = {"vllm_xargs": {"target_tokens": request.output_tokens}}
    return prompt | length | (stream if request.streamed else {})


async def send_one(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> RequestRecord:
    """Send one chat request; returns the client's times, in seconds of the clock."""
    record = RequestRecord(time.monotonic(), output_tokens=body["vllm_xargs"]["target_tokens"])
    tail = b""
    async with session.post(url + "/v1/chat/completions", json=body) as response:
        assert response.status == 200, await response.text()
        async for chunk in response.content.iter_any():
            record.first_token = record.first_token or time.monotonic()
            tail = tail[-1000:] + chunk
    record.finished = record.last_token = time.monotonic()
    assert b'"completion_tokens":%d' % record.output_tokens in tail, tail
    return record


async def send_all(
    url: str, bodies: Sequence[dict[str, Any]], arrivals: Sequence[float]
) -> list[RequestRecord]:
    """Send each body at its arrival (seconds from now, ascending); returns the records in order."""
    # Shorter than a server keeps idle connections (uvicorn: 5 s), which would break a request.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        start, tasks = time.monotonic(), []
        for body, arrival in zip(bodies, arrivals, strict=True):
            await asyncio.sleep(start + arrival - time.monotonic())
            tasks.append(asyncio.create_task(send_one(session, url, body)))
        return await asyncio.gather(*tasks)


def scaled(record: RequestRecord, speed: float) -> RequestRecord:
    """The record in seconds of the engine."""
    times = ("arrival", "first_token", "last_token", "finished")
    return replace(record, **{name: speed * getattr(record, name) for name in times})


def preemptions(worker: str) -> float:
    """The worker's preemptions so far."""
    return read_metrics(worker)["vllm:num_preemptions_total"]


@contextmanager
def front(arm: str, worker: str, speed: float) -> Iterator[str]:
    """What the clients of an arm send to."""
    if arm == STOCK:
        yield worker
        return
    settings = {
        "workers": [{"url": worker, "max_num_seqs": SETUP.max_num_seqs}],
        "health": {"scrape_s": SCRAPE_S / speed, "interval_s": PROBE_S / speed},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(settings, file)
        file.flush()
        flags = ("serve", "--config", file.name, "--port", "0", *FLAGS[arm])
        with server_process("gateway.cli", *flags) as url:
            yield url


@dataclass(frozen=True, slots=True)
class Bench:
    """The runs of one file."""

    name: str
    seed: int
    bodies: Sequence[dict[str, Any]]
    loads: Sequence[float]
    speed: float
    journal: Journal

    def run(self) -> None:
        """Run every load and arm that the journal does not have."""
        study, drawn = simulation(self.bodies)
        bodies = [sent(self.bodies[request.number], request) for request in drawn]
        with paced_emulator(sorted({body["model"] for body in bodies}), self.speed) as worker:
            for load in self.loads:
                arrivals = study.arrivals.draw(len(bodies), load * study.capacity(0), 0)
                for arm in LIVE:
                    if self.journal.find(file=self.name, regime=f"{load}", arm=arm) is not None:
                        continue
                    line = self.measure(worker, arm, bodies, arrivals)
                    row = study.row(ARMS[arm], load, 0)
                    line["simulated"] = {name: row[name] for name in (*COLUMNS, "preemptions")}
                    self.journal.add(file=self.name, regime=f"{load}", arm=arm, **line)
                    print(self.name, load, arm, line, file=sys.stderr, flush=True)

    def measure(
        self, worker: str, arm: str, bodies: Sequence[dict[str, Any]], arrivals: Sequence[float]
    ) -> dict[str, Any]:
        """Send the requests through one arm; arrivals are in seconds of the engine."""
        messages = [{"role": "user", "content": WARM_UP}]
        warm_up = bodies[0] | {"messages": messages, "vllm_xargs": {"target_tokens": 10}}
        with front(arm, worker, self.speed) as url:
            asyncio.run(send_all(url, [warm_up] * 3, [0.0, 0.5, 1.0]))
            before, pace = preemptions(worker), pace_of(worker)
            times = [arrival / self.speed for arrival in arrivals]
            records = asyncio.run(send_all(url, bodies, times))
        records = [scaled(record, self.speed) for record in records]
        run = Run.measured(arm, self.seed, records, preemptions=preemptions(worker) - before)
        taken, due = (end - begin for begin, end in zip(pace, pace_of(worker), strict=True))
        return {"run": asdict(run), "pace": taken / due}


def table(journal: Journal) -> str:
    """Markdown: a line for each load and arm, live ratios to stock and, in brackets, simulated."""
    head = ["load", "arm", "s/token", "p99 E2E", "tokens/s", "preempted", "steps took / should"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for load in LOADS:
        for arm in LIVE:
            group = [n for n in journal.lines if (n["regime"], n["arm"]) == (f"{load}", arm)]
            if group:
                lines.append("| " + " | ".join(cells(journal, load, arm, group)) + " |")
    return "\n".join(lines)


def cells(
    journal: Journal, load: float, arm: str, group: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """The cells of one line of the table: means over the files."""
    yield from (f"{load:g}", arm)
    stock = [journal.find(file=n["file"], regime=f"{load}", arm=STOCK) for n in group]
    bases = [line["simulated"] for line in stock if line is not None]
    for column in COLUMNS:
        live = mean(ratios(journal.runs(f"{load}"), column, arm, STOCK))
        pairs = zip(group, bases, strict=True)
        simulated = mean(line["simulated"][column] / base[column] for line, base in pairs)
        yield f"{live:.2f} ({simulated:.2f})"
    counts = [mean(n[key]["preemptions"] for n in group) for key in ("run", "simulated")]
    yield "{:.0f} ({:.0f})".format(*counts)
    yield f"{mean(n['pace'] for n in group):.2f}"


def main() -> None:
    """Make the missing runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--runs", type=Path, required=True, metavar="FILE")
    parser.add_argument("--loads", nargs="+", type=float, choices=LOADS, default=LOADS)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--check", action="store_true", help="fail if a claim does not hold")
    args = parser.parse_args()
    one_thread()
    journal = Journal(args.runs)
    for seed, path in enumerate(args.files):
        bodies = read_bodies(path, args.requests)
        Bench(path.name, seed, bodies, args.loads, args.speed, journal).run()
    print(table(journal))
    for load in LOADS if args.check else ():
        check(journal.runs(f"{load}"), CLAIMS)


if __name__ == "__main__":
    main()
