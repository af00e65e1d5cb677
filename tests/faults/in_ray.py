"""Faults in the gateway on Ray."""

from __future__ import annotations

from tests.faults.fault import Fault

_RUN = "tests/gateway/on_ray/test_serve_run.py::"
_FAULTS = "tests/gateway/on_ray/test_faults.py::"
_MOVING = (
    "tests/gateway/remote_scheduler/test_moving.py::test_a_front_asks_again_where_its_scheduler_is"
)
_ROUTER = (
    "tests/gateway/on_ray/test_router.py::"
    "test_requests_go_shortest_first_and_every_slot_is_free_again"
)

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/on_ray/application.py",
        old='{"max_ongoing_requests": waiting, "graceful',
        new='{"graceful',
        test=_RUN + "test_the_queue_is_the_gateways_and_its_bounds_hold",
        why="Serve holds all but five requests in its proxies, in the order of their arrival",
    ),
    Fault(
        file="gateway/on_ray/replica.py",
        old="_without_request_id(send))",
        new="send)",
        test=_RUN + "test_an_answer_comes_whole_with_one_request_id",
        why="Clients get two ids of one request",
    ),
    Fault(
        file="gateway/on_ray/replica.py",
        old='flags: dict[Location, object] = {("listen", "host"): ANYWHERE}',
        new="flags: dict[Location, object] = {}",
        test=_RUN + "test_pages_for_this_machine_alone_are_closed",
        why="Everybody who reaches Serve's proxies sees the operators' dashboard",
    ),
    Fault(
        file="gateway/on_ray/router.py",
        old="return there + 1",
        new="return super().target_num_routing_tasks",
        test=_ROUTER,
        why="Requests beyond the first two wait in Serve's own order",
    ),
    Fault(
        file="gateway/on_ray/turns.py",
        old="        except BaseException:\n            self.end(owner)\n            raise\n",
        new="        except BaseException:\n            raise\n",
        test="tests/gateway/on_ray/test_turns.py::"
        "test_the_shortest_goes_first_and_a_cancelled_request_leaves_no_trace",
        why="A request that is cancelled while it waits keeps its place for ever",
    ),
    Fault(
        file="gateway/remote_scheduler/connection.py",
        old="            self._address = replace(await locate(self.drop), locate=locate)\n",
        new="            self._address = replace(await locate(self.drop), locate=None)\n",
        test=_MOVING,
        why="Replicas ask a scheduler that has moved where it was",
    ),
    Fault(
        file="gateway/remote_scheduler/connection.py",
        old="        if self._open is not None:\n            self._open.close()\n",
        new="",
        test=_MOVING,
        why="Replicas stay at a scheduler whose node Ray has given up",
    ),
    Fault(
        file="gateway/on_ray/scheduler_actor.py",
        old="        max_restarts=-1,\n",
        new="",
        test="tests/gateway/on_ray/test_restart.py::"
        "test_a_killed_scheduler_starts_again_as_the_same_actor",
        why="Ray starts no other scheduler in place of one that dies",
    ),
    Fault(
        file="gateway/on_ray/application.py",
        old="if arguments.pool is None:",
        new="if arguments.pool:",
        test=_FAULTS + "test_replicas_have_one_order",
        why="Each replica has an order of its own",
    ),
)
