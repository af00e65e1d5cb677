"""Fronts on other machines: TLS, a secret, and clocks that differ."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway.config.settings import Config
from gateway.remote_scheduler.address import FrontsError, SchedulerAddress
from gateway.remote_scheduler.scheduling import scheduling
from tests.gateway.remote_scheduler.processes import remote_of, there
from tests.scheduler.builders import job, spec

TOKEN = "secret of this test"


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def test_over_the_network_a_front_needs_certificate_and_secret(tmp_path: Path) -> None:
    authority, certificate = trustme.CA(), tmp_path / "certificate.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = free_port()
    command = [
        *(sys.executable, "-m", "gateway.remote_scheduler"),
        *("--listen", f"127.0.0.1:{port}", "--certificate", str(certificate)),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | {"LENGTHWISE_SCHEDULER_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert b"127.0.0.1" in await process.stdout.readline()
        variables = {
            "LENGTHWISE_SCHEDULER": f"127.0.0.1:{port}",
            "LENGTHWISE_SCHEDULER_TOKEN": TOKEN,
            "LENGTHWISE_SCHEDULER_CA": str(tmp_path / "ca.pem"),
            "LENGTHWISE_FRONT": "far",
        }
        address = SchedulerAddress.from_environment(variables)
        assert address is not None
        front = scheduling(Config(), address)
        wrong = scheduling(Config(), replace(address, token="guessed", front="wrong"))
        unknown = scheduling(Config(), replace(address, authority=None, front="unknown"))
        async with front.running(), wrong.running(), unknown.running():
            remote_of(front).set_worker(spec("w"))
            await there(front)
            now = asyncio.get_running_loop().time()
            async with front.dispatcher.slot(job("1", arrival=now)) as slot:
                async with asyncio.timeout(5):
                    assert (await slot.wait()).worker_id == "w"
            await asyncio.sleep(0.3)
            assert wrong.dispatcher.away()
            assert unknown.dispatcher.away()
    finally:
        process.kill()
        await process.wait()


def test_an_address_of_the_network_needs_certificate_and_secret() -> None:
    with pytest.raises(FrontsError, match="LENGTHWISE_SCHEDULER_TOKEN"):
        SchedulerAddress.from_environment({"LENGTHWISE_SCHEDULER": "gpu-1:9003"})
    command = [sys.executable, "-m", "gateway.remote_scheduler", "--listen", "127.0.0.1:9003"]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)
    assert ended.returncode == 2
    assert "--certificate" in ended.stderr


@pytest.mark.parametrize("text", ["unix:relative", "nowhere", "host:", ":80", "host:99999"])
def test_an_address_that_cannot_be_used_is_told(text: str) -> None:
    with pytest.raises(FrontsError, match="LENGTHWISE_SCHEDULER"):
        SchedulerAddress.from_environment({"LENGTHWISE_SCHEDULER": text})


def test_the_scheduler_is_in_this_process_where_no_variable_is_set() -> None:
    assert SchedulerAddress.from_environment({}) is None


def test_an_absent_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from gateway.remote_scheduler.__main__ import main\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "--listen", "unix:/tmp/nowhere/s"]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)
    assert ended.returncode == 2
    assert "pip install 'lengthwise[fronts]'" in ended.stderr
