"""The generator is repeatable and varied, and the report judges by its promises."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from tests.fuzz import client
from tests.fuzz.__main__ import broken_promises
from tests.fuzz.client import _judged
from tests.fuzz.run import Pause, Report, _read_pauses
from tests.fuzz.wire import ordinary


def report() -> Report:
    made = Report(1)
    made.in_flight, made.exit_code = 0.0, 0
    made.usage.samples = [(0.0, 100.0, 9), (1.0, 110.0, 9)]
    return made


def test_a_seed_makes_the_same_requests_and_they_differ() -> None:
    cases = [ordinary(random.Random(f"1/{number}")) for number in range(300)]
    assert cases == [ordinary(random.Random(f"1/{number}")) for number in range(300)]
    assert len({case.data for case in cases}) > 290
    assert any(b"transfer-encoding: chunked" in case.data for case in cases)
    assert any(b"form-data" in case.data for case in cases)
    assert any(b"content-encoding" in case.data for case in cases)


def test_a_sound_run_breaks_no_promise() -> None:
    assert list(broken_promises(report())) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("faults", ["request 3: internal_error"], "request 3"),
        ("pauses", [Pause(0.2, 0.25, 0.3, "large: depth")], "200/250/300 ms, large: depth"),
        ("log_faults", ["Traceback"], "Traceback"),
        ("outcomes", {"internal_error": 2.0}, "internal_error"),
        ("in_flight", 1.0, "never ended"),
        ("exit_code", 1, "ended with 1"),
    ],
)
def test_each_broken_promise_is_told(name: str, value: object, told: str) -> None:
    made = report()
    setattr(made, name, value)
    (broken,) = broken_promises(made)
    assert told in broken


def test_a_pause_that_the_machine_causes_is_no_fault() -> None:
    made = report()
    made.pauses = [Pause(0.02, 0.03, 0.5, "small requests alone")]
    assert list(broken_promises(made)) == []


def test_another_thread_that_holds_the_interpreter_is_a_fault() -> None:
    made = report()
    made.pauses = [Pause(0.02, 0.3, 0.3, "large: depth")]
    assert len(list(broken_promises(made))) == 1


def test_pauses_count_from_the_first_request_on(tmp_path: Path) -> None:
    made, file = report(), tmp_path / "gateway.pauses"
    lines = ("99.9 0.5 0.5 0.5", "101.0 0.02 0.3 0.3", "102.0 0.04 0.04 0.06")
    file.write_text("\n".join(lines), encoding="utf-8")
    _read_pauses(file, 100.0, [(100.5, 101.5, "large: depth (7)")], made)
    assert made.pauses == [
        Pause(0.04, 0.04, 0.06, "small requests alone"),
        Pause(0.02, 0.3, 0.3, "large: depth (7)"),
    ]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n{}", False),
        (b'HTTP/1.1 503 x\r\n\r\n{"error": {"code": "queue_timeout"}}', False),
        (b'HTTP/1.1 500 x\r\n\r\n{"error": {"code": "internal_error"}}', True),
        (b"HTTP/1.1 500 x\r\n\r\nInternal Server Error", True),
        (b"", False),
    ],
)
def test_an_error_of_the_gateways_own_is_a_fault(answer: bytes, fault: bool) -> None:
    assert bool(_judged(answer).fault) is fault


async def test_a_gateway_that_answers_nothing_and_one_that_is_gone_are_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "no end within 1 s" in (await client.send(port, b"GET / HTTP/1.1\r\n\r\n")).fault
    assert "no connection" in (await client.send(port, b"x")).fault
