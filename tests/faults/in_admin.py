"""Faults in what operators see and do: their listener, its pages, drained workers, the pause."""

from __future__ import annotations

from tests.faults.fault import Fault

_ACTIONS = "tests/gateway/admin/test_actions.py::"
_GUARD = "tests/gateway/admin/test_guard.py::"
_ACCESS = "tests/gateway/requests/test_access_log.py::"
_LISTENER = "tests/gateway/admin/test_listener.py::"

_TRACES = "tests/gateway/tracing/test_traces.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/workers/fleet.py",
        old="        drained = backend.id in self.drained\n",
        new="        drained = False\n",
        test=_ACTIONS + "test_a_drain_outlives_a_restart_where_a_folder_is_configured",
        why="A worker under repair gets requests since the gateway was restarted",
    ),
    Fault(
        file="gateway/admin/commands/pages.py",
        old='    if error := configuration.get("error"):\n',
        new='    if error := "":\n',
        test=(
            "tests/gateway/admin/commands/test_command.py::"
            "test_status_shows_what_an_operator_has_to_mend"
        ),
        why="An operator's new configuration is refused, and `lengthwise status` says nothing",
    ),
    Fault(
        file="gateway/config/number_flags.py",
        old=" or not least <= value <= most",
        new="",
        test=(
            "tests/gateway/admin/commands/test_command.py::"
            "test_a_figure_beyond_its_bounds_is_refused_with_them"
        ),
        why="`lengthwise queue --limit 0` shows something else than was asked",
    ),
    Fault(
        file="gateway/requests/traced.py",
        old="        relay.headers.update(headers)\n",
        new="",
        test=_TRACES + "test_the_clients_trace_goes_on_through_the_gateway_to_the_worker",
        why="A worker's spans are not below the gateway's",
    ),
    Fault(
        file="gateway/tracing/spans.py",
        old="min(first, ended), min(last, ended)",
        new="first, last",
        test=_TRACES + "test_no_step_ends_after_its_request",
        why="Steps of a trace end after the request that they belong to",
    ),
    Fault(
        file="gateway/tracing/quiet_log.py",
        old="    theirs.propagate = False\n",
        new="",
        test=_TRACES + "test_a_collector_that_is_down_costs_a_line_and_no_request",
        why="A collector that is down fills the log with traces",
    ),
    Fault(
        file="gateway/workers/member.py",
        old="            draining=config.draining or self.drained,\n",
        new="            draining=config.draining,\n",
        test=_ACTIONS + "test_a_drained_worker_gets_nothing_new_through_probes_and_until_undrained",
        why="The next probe sends a drained worker requests again",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="        if self.paused:\n",
        new="        if not self:\n",
        test=_ACTIONS + "test_a_pause_holds_requests_and_a_resume_lets_them_go",
        why="A paused gateway goes on sending",
    ),
    Fault(
        file="gateway/app.py",
        old="    leaving.at_drain.append(lambda: dispatcher.pause(False))",
        new="    leaving.at_drain.append(lambda: None)",
        test=_ACTIONS + "test_a_gateway_that_ends_answers_what_a_pause_has_held",
        why="What a pause has held ends with an error when the gateway does",
    ),
    Fault(
        file="gateway/admin/guard.py",
        old='if right and scheme.lower() == "bearer":',
        new='if given or scheme.lower() == "bearer":',
        test=_GUARD + "test_without_the_token_nothing_but_probes_is_answered",
        why="Any token opens the operators' listener to the network",
    ),
    Fault(
        file="gateway/admin/guard.py",
        old=' and "%" not in name and is_loopback(name.strip("[]")):',
        new=":",
        test=_GUARD + "test_a_web_page_reaches_nothing",
        why="A web page with a name that points to 127.0.0.1 pauses the gateway",
    ),
    Fault(
        file="gateway/protocol/private_socket.py",
        old="        path.chmod(_PRIVATE)\n",
        new="        path.chmod(0o666)\n",
        test=_LISTENER + "test_a_unix_socket_is_its_owners_alone_and_gone_at_the_end",
        why="Everybody on the machine may drain workers",
    ),
    Fault(
        file="gateway/config/admin.py",
        old="        if self.token is None and not self.is_local:\n",
        new="        if self.token is None and not self:\n",
        test="tests/gateway/config/test_admin.py::test_what_other_machines_reach_needs_a_token",
        why="The network may drain workers without a token",
    ),
    Fault(
        file="scheduler/waiting_jobs.py",
        old="        self.counts.add(job)\n        self._queues[job.queue].rekey",
        new="        self._queues[job.queue].rekey",
        test=(
            "tests/scheduler/test_waiting_counts.py::"
            "test_a_better_forecast_moves_a_job_to_another_class"
        ),
        why="The status page counts waiting requests by outdated forecasts",
    ),
    Fault(
        file="gateway/admin/commands/pages.py",
        old='c if c.isprintable() else "?"',
        new="c",
        test=(
            "tests/gateway/admin/commands/test_command.py::test_a_worker_cannot_steer_the_terminal"
        ),
        why="A worker's error text clears the operator's terminal",
    ),
    Fault(
        file="gateway/requests/access_log.py",
        old='        fields["id"] = clean(fields["id"])\n',
        new="",
        test=_ACCESS + "test_no_field_of_a_request_gets_its_text_into_the_log",
        why="A key that a client sends as its request's id stands in the access log",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="Ended(asyncio.get_running_loop().time(), NO_MODEL)",
        new='Ended(asyncio.get_running_loop().time(), scope["path"])',
        test=_ACCESS + "test_no_field_of_a_request_gets_its_text_into_the_log",
        why="What a client writes into a path stands in the access log",
    ),
    Fault(
        file="gateway/requests/under_way.py",
        old="Told(in_flight.key, in_flight.worker, in_flight.forecast)",
        new="Told()",
        test=_ACCESS + "test_a_stream_leaves_its_times_tokens_and_forecast",
        why="Access records know neither key nor worker nor forecast",
    ),
    Fault(
        file="gateway/serve/log_file.py",
        old="            self._follow()\n",
        new="            pass\n",
        test=("tests/gateway/serve/test_log_file.py::test_a_renamed_file_is_followed_by_a_new_one"),
        why="After a rotation records go into the renamed file",
    ),
    Fault(
        file="gateway/serve/repeats.py",
        old="        return count < most\n",
        new="        return True\n",
        test=(
            "tests/gateway/serve/test_repeats.py::"
            "test_a_kind_is_left_out_beyond_its_bound_and_told_afterwards"
        ),
        why="A worker that fails each request fills the disk with one message",
    ),
    Fault(
        file="gateway/requests/debug_headers.py",
        old='    return settings.debug_headers == "always"\n',
        new="    return True\n",
        test="tests/gateway/requests/test_debug_headers.py::test_they_come_where_wanted",
        why="Clients are told the workers' addresses although the settings forbid it",
    ),
    Fault(
        file="scheduler/waiting_order.py",
        old="        present[tenant] = counter + charged / job.share\n",
        new="",
        test="tests/scheduler/test_waiting_order.py::test_the_order_is_the_schedulers_own",
        why="The queue is shown in an order in which it does not start",
    ),
    Fault(
        file="gateway/scheduling/waiting_order.py",
        old="await asyncio.to_thread(order.extend, most, job_id)",
        new="order.extend(most, job_id)",
        test=(
            "tests/gateway/admin/test_requests.py::"
            "test_ten_thousand_waiting_requests_hold_up_neither_operators_nor_clients"
        ),
        why="Whoever looks at a long queue stops all streams meanwhile",
    ),
    Fault(
        file="gateway/admin/requests.py",
        old='"id": without_secrets(request.relay.reply.request_id),',
        new='"id": request.relay.reply.request_id,',
        test="tests/gateway/admin/test_requests.py::test_no_page_shows_a_secret",
        why="A key that a client sends as its request's id stands on the page of the queue",
    ),
    Fault(
        file="gateway/scheduling/start_rates.py",
        old=" + each * one.sequences",
        new="",
        test=(
            "tests/gateway/scheduling/test_start_rates.py::"
            "test_what_requests_cost_beside_their_tokens_is_work_too"
        ),
        why="Where requests cost time beside their tokens, clients are told to come back too late",
    ),
    Fault(
        file="gateway/scheduling/request_costs.py",
        old="own + of_start * float(running.mean())",
        new="own",
        test=(
            "tests/gateway/scheduling/test_request_costs.py::"
            "test_starts_that_hold_up_others_cost_as_much_for_each_of_them"
        ),
        why="A prefill that holds up all others counts as if it held up nobody",
    ),
    Fault(
        file="gateway/scheduling/expected_starts.py",
        old="line.ahead[-1:] = (first + before, first + after)",
        new="line.ahead[-1:] = (before, after)",
        test=(
            "tests/gateway/scheduling/test_expected_starts.py::"
            "test_the_first_that_waits_starts_when_one_that_runs_has_ended"
        ),
        why="The first in the queue is told that it starts at once, though all places are taken",
    ),
    Fault(
        file="gateway/scheduling/start_rates.py",
        old="            self._starts.clear()\n",
        new="",
        test=(
            "tests/gateway/scheduling/test_start_rates.py::test_without_a_queue_there_is_no_rate"
        ),
        why="Expected starts go by the rate of a queue of hours ago",
    ),
    Fault(
        file="gateway/scheduling/start_rates.py",
        old="        if free:",
        new="        if True:",
        test=(
            "tests/gateway/scheduling/test_start_rates.py::"
            "test_jobs_that_fill_free_places_are_no_rate"
        ),
        why="After a pause, clients are told to come back far too early",
    ),
    Fault(
        file="gateway/scheduling/dispatcher.py",
        old="            self.rates.left(slot.job, self.scheduler.waiting)\n",
        new="            pass\n",
        test=(
            "tests/gateway/scheduling/test_dispatcher.py::"
            "test_a_job_that_takes_the_place_of_one_that_left_counts_in_the_rate"
        ),
        why="No start counts, so that expected starts go by the pace of answers alone",
    ),
)
