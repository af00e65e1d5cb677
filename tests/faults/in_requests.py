"""Faults on a request's way: gateway/requests/, gateway/scheduling/, the metrics."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/protocol/outline.py",
        old="name: deepcopy(value) if",
        new="name: value if",
        test=(
            "tests/gateway/requests/test_reading.py::"
            "test_a_large_body_keeps_what_the_client_asked_of_its_stream"
        ),
        why="A client with a large body does not get the usage chunk that it has asked for",
    ),
    Fault(
        file="gateway/requests/agent_hints.py",
        old="{**ours, **hints}",
        new="{**hints, **ours}",
        test="tests/gateway/requests/test_agent_hints.py::test_what_the_client_has_set_stays",
        why="The gateway's guess takes the place of a hint that the client has set",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="                self._bound_usage(in_flight)\n",
        new="",
        test=(
            "tests/gateway/requests/test_whole_answers.py::"
            "test_a_worker_that_counts_more_tokens_than_fit_is_not_believed"
        ),
        why="An absurd token count of a worker goes into forecasts, metrics and the served log",
    ),
    Fault(
        file="gateway/requests/relay.py",
        old="        if self.reply.started:\n",
        new="        if False:\n",
        test=(
            "tests/gateway/requests/test_early_stream.py::"
            "test_a_refusal_after_an_early_begin_is_an_event"
        ),
        why="A worker's refusal after an early begin starts a second answer and breaks the first",
    ),
    Fault(
        file="gateway/requests/event_relay.py",
        old="        self._check_end(response)\n",
        new="",
        test=(
            "tests/gateway/requests/test_event_relay.py::"
            "test_a_stream_without_an_end_is_an_error_and_learned_as_cut"
        ),
        why="A client takes the first half of an answer for the whole",
    ),
    Fault(
        file="gateway/requests/feedback.py",
        old="censored = not reasons or not reasons <= set(FINISHED_ITSELF)",
        new="censored = False",
        test=(
            "tests/gateway/requests/test_event_relay.py::"
            "test_an_end_says_whether_the_answer_was_cut"
        ),
        why="Forecasts take the lengths at which answers were cut for their own",
    ),
    Fault(
        file="gateway/requests/event_relay.py",
        old="            self.slot.progress(attained, running)\n",
        new="            pass\n",
        test=(
            "tests/gateway/requests/test_relay.py::"
            "test_the_scheduler_is_told_how_far_a_stream_has_come"
        ),
        why=(
            "The scheduler never learns how many tokens a running answer has, so its KV "
            "forecast stays that of the start"
        ),
    ),
    Fault(
        file="gateway/forecasting/scores.py",
        old="(2 * reached - mass - 1)",
        new="(2 * reached - 1)",
        test=(
            "tests/gateway/forecasting/test_quality.py::"
            "test_scores_of_many_are_those_of_each_by_its_definition"
        ),
        why="The CRPS of forecasts on the dashboards is not that of the evaluation",
    ),
    Fault(
        file="gateway/telemetry/model_labels.py",
        old="            return OTHER\n",
        new="            return model\n",
        test="tests/gateway/forecasting/test_quality.py::test_many_models_share_one_label",
        why="A worker with thousands of adapters fills Prometheus with series",
    ),
    Fault(
        file="gateway/telemetry/answers.py",
        old=" and (tpot or 0.0) <= self.slo.tpot_s",
        new="",
        test=(
            "tests/gateway/test_metrics.py::"
            "test_an_answer_meets_the_objective_by_its_first_token_and_its_time_per_token"
        ),
        why="Goodput counts answers whose tokens come too slowly",
    ),
    Fault(
        file="gateway/telemetry/answers.py",
        old="(record.ttft or 0.0) <= self.slo.ttft_s and ",
        new="",
        test=(
            "tests/gateway/test_metrics.py::"
            "test_an_answer_meets_the_objective_by_its_first_token_and_its_time_per_token"
        ),
        why="Goodput counts answers whose first token comes too late",
    ),
    Fault(
        file="gateway/requests/rejections.py",
        old="code=reason, retry_after=retry_after)",
        new="code=reason)",
        test=(
            "tests/gateway/requests/test_rejections.py::"
            "test_a_rejection_has_a_status_its_reason_as_code_and_a_time_to_come_back"
        ),
        why="Clients that were turned away come back at once and keep the queue full",
    ),
    Fault(
        file="gateway/requests/retry_budget.py",
        old="if self.left <= 0:",
        new="if self.left <= 1:",
        test=(
            "tests/gateway/requests/test_worker_failures.py::"
            "test_a_request_that_breaks_every_worker_is_given_up"
        ),
        why="A request is tried once less than requests.retries says",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="            deadline=arrival + self.config.queue.timeout_s,\n",
        new="",
        test=(
            "tests/gateway/requests/test_lifecycle.py::"
            "test_a_request_that_waits_too_long_is_answered_504"
        ),
        why="A request waits for a worker without end",
    ),
    Fault(
        file="gateway/scheduling/dispatcher.py",
        old=(
            "        self.apply(self.scheduler.release(slot.job.id, slot.attained, "
            "service_s=slot.service_s))"
        ),
        new="        pass",
        test=(
            "tests/gateway/scheduling/test_dispatcher.py::"
            "test_a_job_cancelled_in_the_block_gives_its_slot_to_the_next"
        ),
        why="A request that ends keeps its slot for ever",
    ),
    Fault(
        file="gateway/scheduling/dispatcher.py",
        old=(
            "            if not decision.done():  # cancelled: the client has just hung "
            "up, the slot will end\n"
            "                decision.set_result(action)"
        ),
        new="            decision.set_result(action)",
        test=(
            "tests/gateway/scheduling/test_dispatcher.py::"
            "test_a_decision_for_a_job_cancelled_in_the_same_step_reaches_nobody"
        ),
        why="The decision for a client that has just hung up raises in another request",
    ),
    Fault(
        file="gateway/scheduling/tenants.py",
        old="digest_size=8, key=self._salt",
        new="digest_size=8",
        test=(
            "tests/gateway/scheduling/test_tenants.py::"
            "test_a_pseudonym_depends_on_the_key_and_the_salt_and_shows_neither"
        ),
        why="A reader of the served log can check which API key sent a request",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="ceil(tokens / in_flight.job.sequences)",
        new="tokens",
        test=(
            "tests/gateway/requests/test_lifecycle.py::"
            "test_the_tokens_of_a_whole_answer_are_split_among_its_sequences"
        ),
        why="A tenant pays n times for the tokens of an answer of n sequences",
    ),
    Fault(
        file="gateway/requests/shared_timeouts.py",
        old="        self._all.remove(self, self._moment)\n",
        new="",
        test=(
            "tests/gateway/requests/test_shared_timeouts.py::"
            "test_limits_that_end_together_share_a_timer_and_go_with_their_blocks"
        ),
        why="The limit of a request that has ended cancels what its task does later",
    ),
    Fault(
        file="gateway/protocol/outline.py",
        old="lean = copy(request)  # ``replace`` would count the prompts of what is left",
        new="lean = replace(request, fields={})",
        test=(
            "tests/gateway/protocol/test_outline_at_rest.py::"
            "test_a_request_at_rest_is_sent_on_as_it_came_and_takes_little_memory"
        ),
        why="A request that has waited is taken for one of a single answer",
    ),
    Fault(
        file="gateway/requests/endpoint.py",
        old="        if owner is None:\n",
        new="        if False:\n",
        test=(
            "tests/gateway/requests/test_endpoint.py::"
            "test_what_generates_nothing_does_not_wait_behind_generations"
        ),
        why="Counting tokens waits behind generations",
    ),
    Fault(
        file="gateway/requests/model_names.py",
        old="        await self.refresh()  # an",
        new="        pass  # an",
        test=(
            "tests/gateway/requests/test_endpoint.py::"
            "test_an_adapter_is_found_on_the_first_request_for_it"
        ),
        why="An adapter loaded at run time is answered 404 until the next reading of the models",
    ),
    Fault(
        file="gateway/requests/model_names.py",
        old="        if self._next is None:\n            self._next",
        new="        if True:\n            self._next",
        test=(
            "tests/gateway/requests/test_endpoint.py::"
            "test_many_wrong_names_cost_the_workers_few_readings"
        ),
        why="Each request for a wrong name makes every worker list its models",
    ),
    Fault(
        file="gateway/requests/relay.py",
        old="            lambda shown: self._on_events(member, shown),\n",
        new="            lambda shown: None,\n",
        test=(
            "tests/gateway/requests/test_stored_responses.py::"
            "test_a_response_is_found_where_it_is[True]"
        ),
        why="The workers are asked for every response that was streamed",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="job.worker, job.prompts, job.among = worker_id, parts.prompts, relay.among",
        new="job.prompts = parts.prompts",
        test=(
            "tests/gateway/requests/test_stored_responses.py::"
            "test_a_response_is_continued_where_it_is"
        ),
        why="A conversation goes on at a worker that does not know it",
    ),
    Fault(
        file="gateway/requests/stored_responses.py",
        old="        elif None in found:\n",
        new="        elif False:\n",
        test=(
            "tests/gateway/requests/test_stored_responses.py::"
            "test_a_worker_that_does_not_answer_makes_no_response_unknown"
        ),
        why="A response is answered 404 because its worker was busy when asked",
    ),
    Fault(
        file="gateway/requests/at_once.py",
        old="any_of if worker_id is None else named\n",
        new="named or any_of\n",
        test=(
            "tests/gateway/requests/test_stored_responses.py::"
            "test_an_owner_that_is_away_is_waited_for"
        ),
        why="A response is answered 404 by another worker while its own is down",
    ),
    Fault(
        file="gateway/requests/retry_budget.py",
        old="if self._retries + 1 > allowed:",
        new="if False:",
        test=(
            "tests/gateway/requests/test_retry_budget.py::"
            "test_where_all_workers_fail_attempts_are_few_and_the_reason_is_told"
        ),
        why="Where every worker fails, each request is tried three times",
    ),
    Fault(
        file="gateway/requests/retry_budget.py",
        old="        if not elsewhere:\n",
        new="        if False:\n",
        test="tests/gateway/requests/test_retry_budget.py::"
        "test_the_only_worker_is_not_asked_again_at_once",
        why="A worker that has just failed is asked again at once, by all requests together",
    ),
    Fault(
        file="gateway/workers/cooldown.py",
        old="return not self._well and begun < self._broke",
        new="return False",
        test=(
            "tests/gateway/requests/test_retry_budget.py::"
            "test_requests_that_a_breaking_worker_loses_together_are_moved_beyond_the_budget"
        ),
        why="The loss of one large worker fails the requests there beyond the retry budget",
    ),
)
