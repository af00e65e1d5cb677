"""Faults of overload: bounds of the queue, Retry-After, deadlines of clients."""

from __future__ import annotations

from tests.faults.fault import Fault

_STARTS = "tests/gateway/scheduling/test_expected_starts.py::"
_DEADLINES = "tests/gateway/requests/test_deadlines.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="scheduler/queue_bounds.py",
        old="        if tokens > self.max_waiting_tokens and waiting > 1:",
        new="        if tokens > self.max_waiting_tokens:",
        test="tests/scheduler/test_queue_bounds.py::test_each_bound_has_its_reason",
        why="A request that is longer than the bound on tokens can never wait",
    ),
    Fault(
        file="gateway/scheduling/expected_starts.py",
        old="        return line.ahead[bisect_left(line.keys, key)]",
        new="        return line.ahead[-1]",
        test=_STARTS + "test_a_short_job_would_start_before_long_ones",
        why="A short request is told to come back when the longest has started",
    ),
    Fault(
        file="gateway/scheduling/expected_starts.py",
        old="        made = sum(job.expected_tokens for job in jobs) / turn\n",
        new="        made = 0.0\n",
        test="tests/bench/test_expected_starts.py::"
        "test_refused_requests_are_told_when_they_would_start_just_after_the_gateways_start",
        why="Just after the gateway's start, refused clients are told to come back after a second",
    ),
    Fault(
        file="gateway/scheduling/dispatcher.py",
        old="            return start_seconds(seconds)",
        new="            pass",
        test="tests/gateway/scheduling/test_dispatcher.py::"
        "test_a_rejected_job_should_come_back_when_it_would_have_started",
        why="Retry-After knows nothing of the work ahead of a request",
    ),
    Fault(
        file="gateway/requests/rejections.py",
        old="    return min(record.arrival + config.requests.timeout_s, record.due)",
        new="    return record.arrival + config.requests.timeout_s",
        test=_DEADLINES + "test_a_declared_timeout_ends_the_request",
        why="A request goes on after its client has given it up",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="            due=relay.record.due,\n",
        new="",
        test=_DEADLINES + "test_the_policy_slo_starts_first_whose_deadline_is_next",
        why="The policy slo does not know the deadlines of clients",
    ),
    Fault(
        file="gateway/requests/deadlines.py",
        old='    if mode == "never" or (mode == "declared" and not declared):',
        new='    if mode == "never":',
        test=_DEADLINES
        + "test_a_request_that_will_be_late_is_refused_at_once_where_that_is_asked_for",
        why="Requests without a deadline are refused by the objective though nobody asked for it",
    ),
)
