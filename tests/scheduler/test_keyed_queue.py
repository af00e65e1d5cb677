"""KeyedQueue, against a sorted list."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scheduler import keyed_queue
from scheduler.job import Job
from scheduler.keyed_queue import KeyedQueue
from tests.scheduler.builders import job

IDS = st.sampled_from("abcdefghij")
KEYS = st.integers(-3, 3).map(float)


def drain(queue: KeyedQueue[float, Job]) -> str:
    """The ids of the jobs in the order of removal."""
    order = []
    while (head := queue.peek()) is not None:
        order.append(queue.remove(head[1].id).id)
    return "".join(order)


class QueueAgainstSortedList(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chunk, keyed_queue.CHUNK = keyed_queue.CHUNK, 2
        self.queue: KeyedQueue[float, Job] = KeyedQueue()
        self.model: list[tuple[float, int, str]] = []
        self.pushes = 0

    @rule(id=IDS, key=KEYS)
    def push(self, id: str, key: float) -> None:
        self.queue.push(id, job(id), key)
        self.pushes += 1
        others = [entry for entry in self.model if entry[2] != id]
        self.model = sorted([*others, (key, self.pushes, id)])

    @rule(id=IDS)
    def remove(self, id: str) -> None:
        if any(entry[2] == id for entry in self.model):
            assert self.queue.remove(id).id == id
            self.model = [entry for entry in self.model if entry[2] != id]
        else:
            with pytest.raises(KeyError):
                self.queue.remove(id)

    @precondition(lambda self: self.model)
    @rule()
    def remove_the_first(self) -> None:
        head = self.queue.peek()
        assert head is not None
        self.queue.remove(head[1].id)
        self.model = self.model[1:]

    @invariant()
    def it_holds_what_the_list_holds(self) -> None:
        waiting = {entry[2] for entry in self.model}
        assert len(self.queue) == len(waiting)
        assert {waits.id for waits in self.queue} == waiting
        assert all((id in self.queue) == (id in waiting) for id in "abcdefghij")

    @invariant()
    def the_first_is_the_lists_first(self) -> None:
        head = self.queue.peek()
        found = None if head is None else (head[0], head[1].id)
        assert found == ((self.model[0][0], self.model[0][2]) if self.model else None)

    @invariant()
    def the_items_in_order_are_the_lists(self) -> None:
        in_order = [(key, waits.id) for key, waits in self.queue.in_order()]
        assert in_order == [(key, id) for key, _, id in self.model]

    def teardown(self) -> None:
        assert drain(self.queue) == "".join(entry[2] for entry in self.model)
        keyed_queue.CHUNK = self.chunk


TestQueueAgainstSortedList = QueueAgainstSortedList.TestCase
TestQueueAgainstSortedList.settings = settings(max_examples=30, stateful_step_count=80)


def test_jobs_of_equal_key_leave_in_the_order_in_which_they_came() -> None:
    queue: KeyedQueue[float, Job] = KeyedQueue()
    for id in "cabd":
        queue.push(id, job(id), 1.0)
    assert drain(queue) == "cabd"


def test_a_job_that_is_pushed_again_has_its_new_key_only() -> None:
    queue: KeyedQueue[float, Job] = KeyedQueue()
    queue.push("a", job("a"), 1.0)
    queue.push("b", job("b"), 2.0)
    queue.push("a", job("a"), 3.0)
    assert (len(queue), drain(queue)) == (2, "ba")


def test_thousands_of_removals_leave_the_order_of_the_rest() -> None:
    queue: KeyedQueue[float, Job] = KeyedQueue()
    queue.push("z", job("z"), 99.0)
    for n in range(5000):
        queue.push(f"gone{n}", job(f"gone{n}"), float(n % 7))
        queue.remove(f"gone{n}")
    queue.push("a", job("a"), 98.0)
    assert drain(queue) == "az"


def test_the_order_holds_over_many_chunks() -> None:
    count = 9973
    keys = [float(n * 4409 % count) for n in range(count)]
    queue: KeyedQueue[float, Job] = KeyedQueue()
    for n, key in enumerate(keys):
        queue.push(str(n), job(str(n)), key)
    for n in range(count):
        if n % 5:
            queue.remove(str(n))
    queue.push("last", job("last"), 1e9)
    left = sorted((keys[n], str(n)) for n in range(0, count, 5))
    names = [*(name for _, name in left), "last"]
    assert [waits.id for _, waits in queue.in_order()] == names
    assert drain(queue) == "".join(names)


def test_removed_items_take_no_memory() -> None:
    queue: KeyedQueue[float, str] = KeyedQueue()
    for n in range(5000):
        queue.push(str(n), "item", float(-n))
        queue.remove(str(n))
    assert len(pickle.dumps(queue)) < 2000
