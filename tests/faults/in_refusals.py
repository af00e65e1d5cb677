"""Faults in what follows when workers refuse or fail requests."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/requests/blame.py",
        old="        else:\n            self._held.append((member, self.begun))",
        new="        else:\n            self.cut(member)",
        test="tests/gateway/requests/test_blame.py::"
        "test_a_request_that_breaks_every_worker_cools_none_down",
        why="Three requests that no worker survives slow every other client",
    ),
    Fault(
        file="gateway/workers/cooldown.py",
        old="begun >= self.until and (generates or not self._of_generations)",
        new="begun >= self.until",
        test="tests/gateway/workers/test_cooldown.py::"
        "test_an_answer_that_generates_nothing_proves_nothing_of_generations",
        why="A worker with a broken engine is well because it still counts tokens",
    ),
    Fault(
        file="gateway/workers/cooling.py",
        old="call_later(TRIAL_S, kept)",
        new="call_later(1e6, kept)",
        test="tests/gateway/requests/test_busy_workers.py::"
        "test_a_request_that_is_not_refused_ends_the_trial",
        why="One refusal throttles a worker to one request for the length of a whole answer",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="        if refused is None:\n            raise workers_failed",
        new="        if True:\n            raise workers_failed",
        test="tests/gateway/requests/test_refusals.py::"
        "test_a_refusal_is_not_hidden_by_a_worker_that_breaks_later",
        why="A client is told that workers failed instead of when to ask again",
    ),
    Fault(
        file="gateway/requests/refusals.py",
        old="asyncio.timeout(READ_S)",
        new="asyncio.timeout(None)",
        test="tests/gateway/requests/test_refusals.py::"
        "test_a_refusal_whose_body_stalls_is_noted_at_once_and_tried_elsewhere",
        why="A worker that stalls in its refusal holds the request up",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        member.trouble = trouble(error)\n",
        new='        member.trouble = ""\n',
        test=(
            "tests/gateway/workers/test_trouble.py::"
            "test_a_client_is_told_that_the_worker_refuses_the_gateway_and_no_key"
        ),
        why="Clients of a gateway that lacks a key see nothing of it",
    ),
    Fault(
        file="gateway/workers/failures.py",
        old='            return "cannot be reached"\n',
        new="            return str(error)\n",
        test=(
            "tests/gateway/workers/test_trouble.py::"
            "test_workers_that_do_not_answer_are_told_each_kind_once"
        ),
        why="A worker's address is told to every client",
    ),
    Fault(
        file="gateway/clients/bounded_requests.py",
        old="            raise no_method(data) from None\n",
        new="            raise invalid_http() from None\n",
        test=(
            "tests/gateway/clients/test_connection.py::"
            "test_a_request_over_a_bound_is_refused_with_its_reason"
        ),
        why="A method that HTTP does not have is called no valid request",
    ),
)
