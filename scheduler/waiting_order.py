"""The order in which waiting jobs would start, if nothing came and nothing ended meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heapify, heappop, heapreplace
from operator import attrgetter, itemgetter

from scheduler.fairness import cost
from scheduler.job import Job

_Group = tuple[int, str]
"""Class and tenant."""


def start_order(
    jobs: Iterable[tuple[Job, float]],
    counters: Mapping[str, float],
    expected: Callable[[Job], float] = attrgetter("expected_tokens"),
) -> Iterator[tuple[Job, float]]:
    """The jobs in the order of their starts, as if each fitted a worker, with what each costs.

    By class, then by the tenants' counters, to which each start is charged as ``TokenCounters``
    does, then by key. Room on the workers can let later jobs go first.

    Args:
        jobs: the jobs and their keys, as ``WaitingJobs.snapshot`` gives them; jobs of all models.
        counters: the counter of each tenant, in weighted tokens.
        expected: the expected output tokens of a job.
    """
    present = dict(counters)
    orders = {group: iter(one) for group, one in _by_group(jobs).items()}
    heads = [_head(group, *next(order), present) for group, order in orders.items()]
    heapify(heads)
    while heads:
        urgency, counter, tenant, key, job = heads[0]
        if counter < present.get(tenant, 0.0):  # charged for a job of another class
            heapreplace(heads, _head((urgency, tenant), job, key, present))
            continue
        charged = cost(job, expected(job))
        yield job, charged
        present[tenant] = counter + charged / job.share
        order = orders[urgency, tenant]
        if len(heads) == 1:  # nobody to take turns with
            yield from ((one, cost(one, expected(one))) for one, _ in order)
            return
        following = next(order, None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, _head((urgency, tenant), *following, present))


_Head = tuple[int, float, str, float, Job]
"""Class, counter, tenant, key and job; class and tenant are never equal for two of them."""


def _head(group: _Group, job: Job, key: float, counters: Mapping[str, float]) -> _Head:
    urgency, tenant = group
    return urgency, counters.get(tenant, 0.0), tenant, key, job


def _by_group(jobs: Iterable[tuple[Job, float]]) -> dict[_Group, list[tuple[Job, float]]]:
    groups: dict[_Group, list[tuple[Job, float]]] = {}
    for job, key in jobs:
        groups.setdefault((job.urgency, job.tenant), []).append((job, key))
    for one in groups.values():
        one.sort(key=itemgetter(1))
    return groups
