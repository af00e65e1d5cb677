"""Two URLs of one server count once."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.workers import WorkerConfig
from gateway.emulator import EmbeddedEmulator
from gateway.workers.twins import Twins, dropped, find_twins
from tests.gateway.harness import gateway


def workers(*urls: str) -> list[WorkerConfig]:
    return [WorkerConfig.model_validate({"url": url}) for url in urls]


@pytest.mark.parametrize(
    ("one", "other", "certain"),
    [
        ("http://localhost:8000", "http://127.0.0.1:8000", True),
        ("http://localhost:8000/v1", "http://127.0.0.1:8000", True),
        ("http://me:pw@localhost:8000", "http://127.0.0.1:8000", True),
        ("http://localhost:8000", "http://127.0.0.1:8001", None),
        ("http://localhost:8000/a", "http://127.0.0.1:8000/b", None),
        ("http://localhost:8000", "https://127.0.0.1:8000", None),
        ("http://127.0.0.2:8000", "http://127.0.0.1:8000", None),
        ("http://[::1]:8000", "http://127.0.0.1:8000", None),
        ("http://[::ffff:127.0.0.1]:8000", "http://127.0.0.1:8000", True),
        ("http://10.0.0.1:8000", "http://10.0.0.2:8000", None),
        ("http://not-a-host.invalid:8000", "http://127.0.0.1:8000", None),
        ("http://localhost:8000", "http://localhost:8000", None),
    ],
)
async def test_urls_that_lead_to_one_server_are_found(
    one: str, other: str, certain: bool | None
) -> None:
    pair = workers(one, other)
    names = [worker.shown_url for worker in pair]
    expected = [] if certain is None else [Twins(names[0], names[1], certain)]
    assert await find_twins(pair) == expected


async def test_two_names_of_one_address_may_be_two_servers_and_an_address_is_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def addresses(_: str) -> frozenset[str]:
        return frozenset(("10.0.0.1",))

    monkeypatch.setattr("gateway.workers.twins._addresses", addresses)  # no resolver in tests
    found = await find_twins(workers("http://a", "http://b", "http://10.0.0.1"))
    assert [twins.certain for twins in found] == [False, True, True]


@pytest.mark.parametrize("turn", range(3))
async def test_a_name_of_two_addresses_stands_for_both(
    monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    async def addresses(_: str) -> frozenset[str]:
        return frozenset(("127.0.0.1", "::1"))

    monkeypatch.setattr("gateway.workers.twins._addresses", addresses)  # hosts files differ
    names = ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"]
    names = names[turn:] + names[:turn]
    found = await find_twins(workers(*names))
    kept = "http://localhost:8000"
    assert dropped(names, found) == {name: kept for name in names if name != kept}


async def test_names_behind_a_proxy_on_this_machine_may_be_two_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def addresses(_: str) -> frozenset[str]:
        return frozenset(("127.0.0.1",))

    monkeypatch.setattr("gateway.workers.twins._addresses", addresses)  # no resolver in tests
    names = ["http://a.localhost", "http://b.localhost"]
    found = await find_twins(workers(*names))
    assert found == [Twins(names[0], names[1], certain=False)]
    assert dropped(names, found) == {}


PAIRS = st.sets(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] < pair[1])
)


@given(PAIRS, PAIRS)
def test_no_worker_is_dropped_for_one_that_is_dropped(
    certain: set[tuple[int, int]], perhaps: set[tuple[int, int]]
) -> None:
    names = list("abcdefg")
    found = [Twins(names[i], names[j], certain=True) for i, j in certain]
    found += [Twins(names[i], names[j], certain=False) for i, j in perhaps - certain]
    kept_for = dropped(names, found)
    assert not kept_for.keys() & set(kept_for.values())
    pairs = {frozenset((names[i], names[j])) for i, j in certain}
    assert all(frozenset(pair) in pairs for pair in kept_for.items())
    assert all(pair & kept_for.keys() for pair in pairs), "a server counts twice"


async def test_a_server_under_two_names_is_one_worker(
    emulator: EmbeddedEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    port = urlsplit(emulator.url).port
    async with gateway(f"http://localhost:{port}", emulator.url) as running:
        (member,) = running.app.state.fleet.members
        assert member.id == emulator.url
    assert f"workers http://localhost:{port} and {emulator.url} are one server" in caplog.text
