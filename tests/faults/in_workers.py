"""Faults in what the gateway believes of its workers."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/workers/upload.py",
        old='    headers["Content-Length"] = str(len(body))\n',
        new="",
        test=(
            "tests/gateway/requests/test_reading.py::"
            "test_a_large_body_reaches_the_worker_as_it_was_but_for_the_priority"
        ),
        why="Workers get large bodies in chunks of unknown length",
    ),
    Fault(
        file="gateway/workers/engine_report.py",
        old='"kv_cache_usage_perc", "gpu_cache_usage_perc"',
        new='"kv_cache_usage_perc",',
        test=(
            "tests/gateway/workers/test_engine_report.py::test_an_older_vllm_is_read_by_its_names"
        ),
        why="The KV use of an older vLLM is not read, and its cache fills unseen",
    ),
    Fault(
        file="gateway/workers/engine_report.py",
        old="if not all(0 <= sample.value <= most for sample in chosen)",
        new="if False",
        test=(
            "tests/gateway/workers/test_engine_oddities.py::"
            "test_garbage_in_one_figure_is_ignored_and_named_and_spoils_no_other"
        ),
        why="NaN and infinities of a worker reach GET /ready, which then answers 500",
    ),
    Fault(
        file="gateway/workers/backend.py",
        old="        except FAILURES as error:\n            before",
        new="        except ZeroDivisionError as error:\n            before",
        test=(
            "tests/gateway/workers/test_problems.py::"
            "test_metrics_that_cannot_be_read_leave_the_worker_healthy_and_its_cache_known"
        ),
        why="A worker that serves well is declared down because its metrics cannot be read",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        self._tell(member, why)\n",
        new="        member.problem = why\n",
        test=(
            "tests/gateway/workers/test_problems.py::"
            "test_a_worker_whose_probes_only_time_out_is_told_once_as_down"
        ),
        why="The log does not say that a worker is down, nor why",
    ),
    Fault(
        file="gateway/workers/models.py",
        old="    if not isinstance(name, str) or not",
        new="    if not",
        test=(
            "tests/gateway/workers/test_problems.py::"
            "test_a_list_of_models_that_makes_no_sense_is_told"
        ),
        why="A model whose name is null breaks the watch of its worker",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        except Exception as error:  # noqa: BLE001 - whatever",
        new="        except KeyboardInterrupt as error:  # whatever",
        test="tests/gateway/workers/test_problems.py::test_a_bug_in_reading_one_worker_ends_no_watch",
        why="A bug in reading one worker ends the watch of all workers",
    ),
    Fault(
        file="gateway/workers/estimates.py",
        old="self._reports < FEWEST_REPORTS or self._steps(generated) < STEPS",
        new="self._reports < 1",
        test=(
            "tests/gateway/workers/test_estimates.py::"
            "test_one_report_of_waiting_sequences_proves_no_limit"
        ),
        why="One report from an engine that still admits sets too few slots for good",
    ),
    Fault(
        file="gateway/workers/estimates.py",
        old="    value: int = 1\n",
        new="    value: int = 8\n",
        test=(
            "tests/gateway/workers/test_estimates.py::"
            "test_an_engine_of_one_slot_never_gets_more_than_two"
        ),
        why="An engine of one slot is flooded before its first report",
    ),
    Fault(
        file="gateway/workers/newcomers.py",
        old="and not self.fleet.all_known",
        new="and False",
        test=(
            "tests/gateway/workers/test_newcomers.py::"
            "test_a_request_before_the_worker_is_ready_is_answered"
        ),
        why="A request that comes a second before the worker is ready gets 503",
    ),
    Fault(
        file="gateway/workers/addresses.py",
        old="    if not (new and old):\n        return old or new, True\n",
        new="    return old + new, True\n",
        test=(
            "tests/gateway/workers/test_addresses.py::test_a_server_of_both_families_is_one_worker"
        ),
        why="A server with an IPv4 and an IPv6 address counts as two workers",
    ),
    Fault(
        file="gateway/config/worker_url.py",
        old="    shown = HttpUrl.build(scheme=url.scheme,",
        new="    shown = HttpUrl.build(scheme=url.scheme, username=url.username,",
        test="tests/gateway/config/test_worker_url.py::"
        "test_the_url_is_shown_as_the_base_of_the_api_without_credentials",
        why="A user of a worker's URL is shown in metrics, log and GET /ready",
    ),
    Fault(
        file="gateway/config/errors.py",
        old="text = without_credentials(repr(value))",
        new="text = repr(value)",
        test="tests/gateway/config/test_worker_url.py::test_no_error_shows_a_password",
        why="An error about the configuration shows the password of a worker's URL",
    ),
    Fault(
        file="gateway/requests/lifecycle.py",
        old="again = self._elsewhere(job) and",
        new="again = False and",
        test="tests/gateway/requests/test_busy_workers.py::"
        "test_a_refused_request_is_answered_by_another_worker_and_few_are_refused",
        why="A client is refused although another worker is idle",
    ),
    Fault(
        file="gateway/workers/member.py",
        old="            last_resort=self.cooling,\n",
        new="",
        test="tests/gateway/requests/test_busy_workers.py::"
        "test_a_worker_that_breaks_connections_at_once_gets_no_flood",
        why="A worker that fails requests fast draws most of the traffic",
    ),
    Fault(
        file="gateway/workers/member.py",
        old="min(slots, self._trial_slots(running)) if on_trial else slots",
        new="slots",
        test="tests/gateway/requests/test_busy_workers.py::"
        "test_a_worker_that_takes_requests_again_gets_all_its_slots",
        why="A worker after its cooldown is flooded before it has answered one request",
    ),
    Fault(
        file="scheduler/worker_pool.py",
        old="for worker in serving if not worker.spec.last_resort] or serving",
        new="for worker in serving if not worker.spec.last_resort]",
        test="tests/gateway/requests/test_busy_workers.py::"
        "test_the_last_refusal_goes_to_the_client_as_it_came",
        why="Where all workers have refused requests, no worker is tried",
    ),
    Fault(
        file="gateway/supervisor.py",
        old="            if await self._run(name, loop):",
        new="            if await self._run(name, loop) or True:",
        test="tests/gateway/test_supervisor.py::"
        "test_a_task_that_fails_is_told_counted_and_started_again",
        why="A background task that fails once has ended for ever",
    ),
    Fault(
        file="gateway/workers/fleet.py",
        old="await self._supervisor.keep(WATCH, lambda: self.health.watch(member))",
        new="await self.health.watch(member)",
        test="tests/gateway/test_supervisor.py::"
        "test_a_fault_in_one_workers_watch_ends_no_other_and_is_seen",
        why="A fault in one worker's watch ends the watches of all",
    ),
    Fault(
        file="gateway/workers/health.py",
        old="        if end_requests:\n",
        new="        if False:\n",
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
            "            if not member.leaving:  # set_worker would take a removed worker "
            "back\n"
            "                self.update_scheduler(member)\n"
            "\n"
        ),
        new=("            self.update_scheduler(member)\n\n"),
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
        file="gateway/workers/outliers.py",
        old="    if now - member.attempts.last_sign < SILENCE_S:\n",
        new="    if False:\n",
        test="tests/gateway/workers/test_outliers.py::test_a_worker_whose_streams_flow_does_not_hang",
        why="A busy worker loses its requests for a long prompt",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="    if not any(other.newest_answered > now - waited for other in others):\n",
        new="    if False:\n",
        test="tests/gateway/workers/test_outliers.py::test_where_nobody_answers_later_requests_nobody_hangs",
        why="A pause of all traffic ejects the workers",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="            attempt.exchange.end(",
        new="            print(",
        test="tests/gateway/workers/test_outliers.py::test_a_stream_that_hangs_before_its_first_token_is_moved",
        why="Requests at a worker that hangs wait for their timeout",
    ),
    Fault(
        file="gateway/workers/outliers.py",
        old="    if own.share < WORSE * max(other.share for other in others):\n",
        new="    if False:\n",
        test="tests/gateway/workers/test_outliers.py::test_a_worker_fails_where_it_fails_more_than_others",
        why="A client whose requests break workers takes all of them out",
    ),
    Fault(
        file="gateway/workers/cooldown.py",
        old="generates=generates) and not self.strict:\n            self._trial = False",
        new="generates=generates):\n            self._trial = False",
        test=(
            "tests/gateway/workers/test_cooldown.py::"
            "test_only_a_judgement_ends_the_trial_of_an_ejected_worker"
        ),
        why="A worker that hangs is flooded again after 2 s of each trial",
    ),
    Fault(
        file="gateway/workers/member.py",
        old="        return max(1, running if tried else running + 1)\n",
        new="        return max(1, running + 1)\n",
        test="tests/gateway/workers/test_outliers.py::test_a_trial_is_one_request_also_while_the_worker_is_read",
        why="A trial grows by a request with each reading of the load",
    ),
    Fault(
        file="gateway/requests/relay.py",
        old="        if self._blame.generates and not sound:\n",
        new="        if False:\n",
        test="tests/gateway/requests/test_no_answers.py::test_another_worker_is_tried_and_the_worker_is_to_blame",
        why="A worker that answers pages of HTML draws all the traffic",
    ),
    Fault(
        file="gateway/workers/metrics_text.py",
        old="_LABEL = re.compile(r'\\b(\\w++)",
        new="_LABEL = re.compile(r'(\\w+)",
        test="tests/gateway/workers/test_hostile_probes.py::"
        "test_many_lines_of_odd_labels_cost_time_in_their_length_only",
        why="A worker's metrics hold up the event loop for minutes",
    ),
    Fault(
        file="gateway/workers/models.py",
        old="in entries[:MOST_MODELS]:",
        new="in entries:",
        test="tests/gateway/workers/test_hostile_probes.py::"
        "test_a_long_list_of_models_is_read_in_part",
        why="A worker's list of models makes as many series of metrics as it likes",
    ),
)
