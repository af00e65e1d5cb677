"""Faults in gateway/."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/requests/relay.py",
        old="                slot.progress(stream.tokens // slot.job.sequences)\n",
        new="                pass\n",
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
        file="gateway/workers/health.py",
        old="        await member.backend.drop_connections()\n",
        new="",
        test=(
            "tests/gateway/workers/test_health.py::"
            "test_a_worker_that_hangs_fails_the_requests_that_run_there"
        ),
        why="Requests on a hung worker wait without end instead of going to another worker",
    ),
    Fault(
        file="gateway/workers/health.py",
        old=(
            "        if not member.leaving:  # set_worker would take a removed worker "
            "back\n"
            "            self.update_scheduler(member)\n"
            "            self._dispatcher"
        ),
        new=(
            "        if True:\n"
            "            self.update_scheduler(member)\n"
            "            self._dispatcher"
        ),
        test=(
            "tests/gateway/workers/test_health.py::"
            "test_a_probe_does_not_bring_a_leaving_worker_back"
        ),
        why=(
            "A probe gives a leaving worker back to the scheduler, which sends the worker "
            "new requests"
        ),
    ),
    Fault(
        file="gateway/workers/health.py",
        old=(
            "        member.observe_load()\n"
            "        if not member.leaving:  # set_worker would take a removed worker "
            "back\n"
            "            self.update_scheduler(member)\n"
            "\n"
        ),
        new=("        member.observe_load()\n        self.update_scheduler(member)\n\n"),
        test=(
            "tests/gateway/workers/test_health.py::"
            "test_a_reading_of_the_load_does_not_bring_a_leaving_worker_back"
        ),
        why=(
            "A reading of the load that was under way when a worker left gives the worker "
            "back to the scheduler"
        ),
    ),
    Fault(
        file="gateway/metrics.py",
        old=" and (tpot or 0.0) <= self._slo.tpot_s",
        new="",
        test=(
            "tests/gateway/test_metrics.py::"
            "test_an_answer_meets_the_objective_by_its_first_token_and_its_time_per_token"
        ),
        why="Goodput counts answers whose tokens come too slowly",
    ),
    Fault(
        file="gateway/metrics.py",
        old="(record.ttft or 0.0) <= self._slo.ttft_s and ",
        new="",
        test=(
            "tests/gateway/test_metrics.py::"
            "test_an_answer_meets_the_objective_by_its_first_token_and_its_time_per_token"
        ),
        why="Goodput counts answers whose first token comes too late",
    ),
    Fault(
        file="gateway/protocol/headers.py",
        old='"x-vllm-priority", ',
        new="",
        test=(
            "tests/gateway/protocol/test_headers.py::"
            "test_a_header_that_the_gateway_decides_does_not_reach_the_worker"
        ),
        why="A client jumps vLLM's queue with a header of its own",
    ),
    Fault(
        file="gateway/protocol/headers.py",
        old=', "X-Request-Id": request_id}',
        new="}",
        test=(
            "tests/gateway/protocol/test_headers.py::"
            "test_the_gateways_value_takes_the_place_of_the_clients"
        ),
        why="A worker's log does not name the request by the gateway's id",
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
        file="gateway/requests/lifecycle.py",
        old="for attempt in range(self.config.requests.retries + 1):",
        new="for attempt in range(self.config.requests.retries):",
        test=(
            "tests/gateway/requests/test_worker_failures.py::"
            "test_a_request_that_breaks_every_worker_is_given_up"
        ),
        why="A request is tried once less than requests.retries says; with 0 it is never sent",
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
            "            self.apply(self.scheduler.release(job.id, slot.attained, "
            "service_s=slot.service_s))"
        ),
        new="            pass",
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
        file="gateway/protocol/disconnect.py",
        old=("        if not complete():\n            gone = True\n            task.cancel()"),
        new="        gone = True\n        task.cancel()",
        test=(
            "tests/gateway/protocol/test_disconnect.py::"
            "test_a_client_that_leaves_after_the_last_byte_has_not_hung_up"
        ),
        why="Requests with a complete answer count as hang-ups",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="            member.failures = 0\n",
        new="",
        test=(
            "tests/gateway/workers/test_health.py::"
            "test_a_worker_is_down_after_so_many_timeouts_in_a_row_and_not_before"
        ),
        why="Slow probes that are not in a row declare a busy worker down",
    ),
    Fault(
        file="gateway/simulate/arm_options.py",
        old="latency=0.0 if policy == STOCK else args.gateway_latency,",
        new="latency=args.gateway_latency,",
        test=(
            "tests/gateway/simulate/test_options.py::"
            "test_stock_has_no_gateway_and_so_no_latency_of_the_gateway"
        ),
        why=(
            "--gateway-latency slows down stock, which has no gateway, and hides the "
            "cost of the gateway in every comparison"
        ),
    ),
    Fault(
        file="gateway/simulate/arrival_process.py",
        old="rng = random.Random(seed)",
        new="rng = random.Random(0)",
        test="tests/gateway/simulate/test_study.py::test_each_seed_draws_other_arrivals",
        why=("All seeds share their arrivals, so the spread over the seeds is too small"),
    ),
    Fault(
        file="gateway/simulate/inputs/castillo.py",
        old="digest(text) <= threshold",
        new="digest(text) > threshold",
        test=(
            "tests/gateway/simulate/inputs/test_castillo.py::"
            "test_only_prompts_held_out_of_training_are_drawn"
        ),
        why="Policies are compared on the prompts that the predictor was trained on",
    ),
    Fault(
        file="gateway/simulate/study.py",
        old="length=request.length.capped(room), cut=True)",
        new="length=request.length, cut=True)",
        test=("tests/gateway/simulate/test_study.py::test_an_answer_is_cut_where_the_context_ends"),
        why="The scheduler expects more tokens than the context leaves",
    ),
    Fault(
        file="gateway/calibrate/run.py",
        old='(1000 * costs.per_kv_token, "per 1,000 tokens in the KV cache"),',
        new='(costs.per_kv_token, "per 1,000 tokens in the KV cache"),',
        test=(
            "tests/gateway/calibrate/test_calibrate.py::"
            "test_the_summary_states_each_cost_in_milliseconds"
        ),
        why="The summary states a thousandth of the cost of the KV cache",
    ),
    Fault(
        file="gateway/calibrate/calibration.py",
        old="if round_number and time.monotonic() > deadline:",
        new="if False:",
        test=(
            "tests/gateway/calibrate/test_measure.py::test_a_short_budget_measures_each_point_once"
        ),
        why="--budget-s is ignored",
    ),
    Fault(
        file="gateway/calibrate/measure.py",
        old="per_step = (len(ends) - 1) / steps",
        new="per_step = len(ends) / steps",
        test=(
            "tests/gateway/calibrate/test_measure.py::"
            "test_entering_requests_count_between_the_first_end_and_the_last"
        ),
        why=(
            "A window from one request's end to another's holds one request less than it has ends"
        ),
    ),
    Fault(
        file="gateway/emulator/command.py",
        old="block_size=args.block_size,",
        new="block_size=16,",
        test=(
            "tests/gateway/emulator/test_command.py::"
            "test_each_flag_reaches_the_setting_that_it_names"
        ),
        why="--block-size is ignored",
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
)
