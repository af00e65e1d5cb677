"""A front follows its scheduler to another place."""

from __future__ import annotations

from collections.abc import Callable

from gateway.remote_scheduler.address import SchedulerAddress
from tests.gateway.harness import until
from tests.gateway.remote_scheduler.processes import front_of, served, short_folder, there


async def test_a_front_asks_again_where_its_scheduler_is() -> None:
    drops: list[Callable[[], None]] = []
    with short_folder() as folder:
        first, second = folder / "first", folder / "second"
        here = first

        async def locate(drop: Callable[[], None]) -> SchedulerAddress:
            drops.append(drop)
            return SchedulerAddress(path=here)

        address = SchedulerAddress(path=first, locate=locate)
        async with served(first) as old, served(second) as new, front_of(address) as front:
            await there(front)
            assert old.sessions
            here = second
            drops[-1]()  # while the old one still answers, as on a node that has been given up
            await until(lambda: bool(new.sessions), "it has come to the new one")
            await until(lambda: not old.sessions, "it has left the old one")
            await there(front)
