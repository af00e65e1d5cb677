"""The scheduler's process: one scheduler for several fronts, until a signal."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.config.number_flags import number_from
from gateway.protocol.listener import ListenError, Wording, bound_sockets
from gateway.remote_scheduler.address import TOKEN, UNIX, FrontsError, SchedulerAddress
from gateway.remote_scheduler.lease import leased_socket, next_epoch, take_lease
from gateway.remote_scheduler.missing import needs_the_extra
from predictor.exit_codes import bad_input, failed

MOST_FRONTS = 1000

WORDING = Wording("--listen 127.0.0.1:PORT or 0.0.0.0:PORT", "PORT in --listen", "")


def add_scheduler_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the scheduler's process."""
    parser.description = (
        "Run the one scheduler of several fronts, which find it by the environment variable "
        "LENGTHWISE_SCHEDULER. Settings and workers come from the fronts."
    )
    parser.add_argument(
        "--listen",
        required=True,
        metavar="unix:/PATH|HOST:PORT",
        help=f"a Unix socket in a folder of the owner's, or an address for TLS, with {TOKEN} set",
    )
    parser.add_argument(
        "--fronts",
        type=number_from(int, 0, MOST_FRONTS),
        default=0,
        metavar="N",
        help=(
            "fronts whose requests are awaited after the start, for a second at most; without N, "
            "or with 0, whoever comes is awaited for the whole second"
        ),
    )
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="PEM file, for TLS")
    parser.add_argument("--key", type=Path, metavar="FILE", help="PEM file of its private key")


def run_scheduler(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; returns 0 then, 1 without the address, 2 for bad arguments."""
    return run_scheduler_process(args.listen, args.fronts, args.certificate, args.key)


def run_scheduler_process(
    listen: str, fronts: int, certificate: Path | None = None, key: Path | None = None
) -> int:
    """Run the scheduler of so many fronts at an address; as ``run_scheduler``."""
    ignore_hangups()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        address = SchedulerAddress.parse(listen, "--listen")
        with needs_the_extra():
            from gateway.remote_scheduler import server  # noqa: PLC0415 - may be absent
        context = _context(address, certificate, key)
        sockets, epoch = _sockets(address)
    except FrontsError as error:
        return bad_input(error)
    except ListenError as error:
        return failed(f"--listen: {error}")
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # a queue of thousands is looked through seldom
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_signal(server.serve(sockets, context, epoch, fronts, str(address))))
    return 0


def ignore_hangups() -> None:
    """Ignore signals that ask others to reload or to open a log again: nothing here does."""
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _sockets(address: SchedulerAddress) -> tuple[Sequence[socket.socket], int]:
    now = time.time_ns() // 1000
    if address.path is None:
        return bound_sockets(address.host, address.port, WORDING), now
    lock = take_lease(address.path)
    return [leased_socket(address.path)], next_epoch(lock, now)


def _context(
    address: SchedulerAddress, certificate: Path | None, key: Path | None
) -> ssl.SSLContext | None:
    files = {"--certificate": certificate, "--key": key}
    given = {flag: file for flag, file in files.items() if file is not None}
    if address.path is not None:
        for flag, file in given.items():
            raise FrontsError(
                f"{flag}: {file} is for an address on the network, and --listen is {address}; "
                f"leave {flag} out, or give --listen HOST:PORT"
            )
        return None
    if certificate is None or not os.environ.get(TOKEN):
        raise FrontsError(
            f"--listen: {address} is on the network, so it needs --certificate and {TOKEN}; on one "
            f"machine give {UNIX}/PATH"
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    texts = {flag: _read(flag, file) for flag, file in given.items()}
    if key is None and b"PRIVATE KEY-----" not in texts["--certificate"]:
        raise FrontsError(
            f"--certificate: {certificate} holds no private key; give its private key by --key FILE"
        )
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        told = ", ".join(f"{flag} {file}" for flag, file in given.items())
        why = getattr(error, "reason", None) or error
        raise FrontsError(
            f"{told}: {why}; give a certificate and its private key as PEM files"
        ) from error
    return context


def _read(flag: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FrontsError(
            f"{flag}: {file} cannot be read: {error.strerror}; give a PEM file"
        ) from error


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    return uvloop.Loop


async def _until_signal(work: object) -> None:
    assert asyncio.iscoroutine(work)
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
