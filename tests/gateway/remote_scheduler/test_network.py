"""Fronts on other machines: TLS, a secret, and clocks that differ."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway.config.settings import Config
from gateway.remote_scheduler.address import FrontsError, SchedulerAddress
from gateway.remote_scheduler.command import add_scheduler_arguments
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


def certificate_and_key(folder: Path) -> None:
    """The files ``c.pem`` and ``k.pem``, and ``other.pem`` with the key of another certificate."""
    authority = trustme.CA()
    issued, other = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.2")
    issued.cert_chain_pems[0].write_to_path(folder / "c.pem")
    issued.private_key_pem.write_to_path(folder / "k.pem")
    other.private_key_pem.write_to_path(folder / "other.pem")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("127.0.0.1:9003 --certificate c.pem", 2, "c.pem holds no private key; .* by --key FILE"),
        ("127.0.0.1:9003 --certificate c.pem --key no.pem", 2, "--key: .*no.pem cannot be"),
        ("127.0.0.1:9003 --certificate no.pem --key k.pem", 2, "--certificate: .*no.pem can"),
        (
            "127.0.0.1:9003 --certificate c.pem --key other.pem",
            2,
            "c.pem, --key .*: .*; give a",
        ),
        ("127.0.0.1:0 --certificate c.pem --key k.pem", 2, "'127.0.0.1:0' .* from 1 to 65535"),
        ("a..b:9003 --certificate c.pem --key k.pem", 1, "listen on a..b: .*; give --listen 127"),
        ("unix:/tmp/s --certificate c.pem", 2, "--certificate: .* leave --certif"),
        ("unix:/tmp/s --key k.pem", 2, "--key: .* leave --key out"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_remedy(
    tmp_path: Path, arguments: str, code: int, told: str
) -> None:
    certificate_and_key(tmp_path)
    words = [str(tmp_path / one) if one.endswith(".pem") else one for one in arguments.split()]
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.remote_scheduler", "--listen", *words],
        env=os.environ | {"LENGTHWISE_SCHEDULER_TOKEN": TOKEN},
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert ended.returncode == code
    assert re.search(told, ended.stderr), ended.stderr
    assert "--host" not in ended.stderr


@pytest.mark.parametrize("number", ["-3", "1001", "x"])
def test_a_number_of_fronts_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    parser = argparse.ArgumentParser()
    add_scheduler_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--listen", "unix:/tmp/s", "--fronts", number])
    told = f"--fronts: '{number}'; give a whole number from 0 to 1000"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["unix:relative", "nowhere", "host:", ":80", "host:99999", "host:0", "h:" + "9" * 5000]
)
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
