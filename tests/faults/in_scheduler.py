"""Faults in scheduler/."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="scheduler/next_job.py",
        old="            worker.has_slots(job) and worker.fits",
        new="            False and worker.fits",
        test="tests/scheduler/test_short_cuts.py::"
        "test_no_decision_that_is_skipped_after_a_report_changes_what_is_done",
        why="What a report frees stays empty until something else happens",
    ),
    Fault(
        file="scheduler/fairness.py",
        old="        if math.isfinite(counter):\n",
        new="        if True:\n",
        test="tests/scheduler/test_fairness.py::"
        "test_a_cost_that_is_no_number_leaves_the_counters_in_order",
        why="One job of an infinite cost leaves all tenants without an order",
    ),
    Fault(
        file="scheduler/waiting_jobs.py",
        old="self._counters[job.tenant], job.tenant, self._jobs",
        new='self._counters[job.tenant], "", self._jobs',
        test="tests/scheduler/test_short_cuts.py::"
        "test_of_tenants_with_equal_counters_the_first_by_name_is_tried",
        why="A job that fits waits, since another tenant's counter is equal",
    ),
    Fault(
        file="scheduler/worker_pool.py",
        old="        self._serving.clear()\n        self.by_id[worker_id].set_health(healthy)\n",
        new="        self.by_id[worker_id].set_health(healthy)\n",
        test="tests/scheduler/test_worker_pool.py::"
        "test_an_unhealthy_worker_gets_nothing_and_keeps_its_jobs",
        why="The workers that are kept of a queue stay those of before one became unhealthy",
    ),
    Fault(
        file="scheduler/kv_forecast.py",
        old="        self._peaks.clear()\n        means = zip",
        new="        means = zip",
        test="tests/scheduler/test_kv_forecast.py::"
        "test_the_peak_is_the_largest_mean_plus_its_deviations",
        why="A worker's KV peak stays that of the jobs before",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="broken), *self._fill()]",
        new="broken)]",
        test=(
            "tests/scheduler/test_scheduler_bounds.py::"
            "test_a_rejected_job_keeps_no_worker_from_the_others"
        ),
        why="A job waits beside a worker with room, since one that was refused changed the order",
    ),
    Fault(
        file="scheduler/placement.py",
        old="worker.load, spec.rank\n",
        new="worker.load, 0\n",
        test=(
            "tests/scheduler/test_placement.py::"
            "test_of_equal_workers_the_one_of_lowest_rank_gets_a_job"
        ),
        why="Which of two idle workers gets requests depends on whose first probe ended first",
    ),
    Fault(
        file="scheduler/worker.py",
        old="min(job.attained, MOST_JUDGED)",
        new="job.attained",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_an_absurd_report_is_judged_as_the_longest_answer_is"
        ),
        why="One absurd token count of a worker keeps the scheduler busy for seconds",
    ),
    Fault(
        file="scheduler/worker.py",
        old="counted.job.attained = min(attained, counted.job.most_tokens)",
        new="counted.job.attained = attained",
        test=(
            "tests/scheduler/test_fairness.py::"
            "test_a_tenant_pays_for_no_more_tokens_than_its_request_allowed"
        ),
        why="A tenant pays for billions of tokens that a worker has miscounted, and starves",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="                taken.add(worker_id)\n",
        new="",
        test=(
            "tests/scheduler/test_scheduler_bounds.py::"
            "test_a_wide_job_is_not_passed_by_narrow_jobs_of_another_model_on_its_worker"
        ),
        why="A job that needs much room starves beside a stream of small jobs of another model",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="            if tried[name] < MOST_AWAITED and any(",
        new="            if False and any(",
        test=(
            "tests/scheduler/test_next_job.py::"
            "test_the_other_workers_go_on_beside_a_job_that_fits_nowhere"
        ),
        why="All workers of a model wait for one job that fits nowhere",
    ),
    Fault(
        file="scheduler/next_job.py",
        old="if worker.spec.id == before:",
        new="if False:",
        test="tests/scheduler/test_next_job.py::test_a_job_keeps_waiting_for_the_same_worker",
        why="A job that fits nowhere waits for one worker after the other, and each stays empty",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="        self._counters.refund(job, charged)\n",
        new="",
        test="tests/scheduler/test_fairness.py::test_a_requeued_job_costs_its_tenant_nothing",
        why="A tenant pays for a job whose worker failed before the first byte",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="            self._waiting.counter_fell(job.tenant)\n            if service_s",
        new="            if service_s",
        test=(
            "tests/scheduler/test_fairness.py::"
            "test_a_tenant_pays_less_for_an_answer_shorter_than_its_forecast"
        ),
        why="A tenant whose answers are shorter than forecast keeps waiting behind others",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="queued = bool(self._waiting.queue(job.queue))",
        new="queued = bool(actions)",
        test=(
            "tests/scheduler/test_scheduler_bounds.py::"
            "test_arrivals_that_meet_no_queue_keep_admission_bold"
        ),
        why="Admission becomes cautious although no request waits",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="return self._fill() if changed and self._next.may_fit(worker) else []",
        new="return []",
        test="tests/scheduler/test_scheduler_changes.py::test_a_job_about_to_end_lets_the_next_job_in",
        why="Memory that a running job will not need stays empty until the job ends",
    ),
    Fault(
        file="scheduler/fairness.py",
        old="            self._counters[tenant] = max(self[tenant], self._latest)\n",
        new="            self._counters[tenant] = self[tenant]\n",
        test=(
            "tests/scheduler/test_fairness.py::"
            "test_a_tenant_that_returns_starts_at_the_latest_counter"
        ),
        why=("A tenant that returns after a break goes before all others for as long as the break"),
    ),
    Fault(
        file="scheduler/fairness.py",
        old="        if not self._waiting.get(tenant) and self[tenant]",
        new="        if self[tenant]",
        test=(
            "tests/scheduler/test_fairness.py::"
            "test_a_settlement_keeps_the_counter_of_a_waiting_tenant"
        ),
        why="A waiting tenant loses its claim when one of its jobs ends",
    ),
    Fault(
        file="scheduler/model_queue.py",
        old="heappush(known, (self._counters[tenant], tenant, jobs))",
        new="heappush(known, (outdated, tenant, jobs))",
        test=(
            "tests/scheduler/test_model_queue.py::"
            "test_jobs_come_in_the_order_of_their_ranks_at_any_counters"
        ),
        why="Behind a job that does not fit, a tenant goes on as if it had used nothing yet",
    ),
    Fault(
        file="scheduler/worker.py",
        old="if (before.kv_block, before.prefix_caching) != (spec.kv_block, spec.prefix_caching):",
        new="if before.prefix_caching != spec.prefix_caching:",
        test="tests/scheduler/test_worker_reports.py::test_a_new_block_size_recounts_the_jobs",
        why="Running jobs stay counted in blocks of the old size",
    ),
    Fault(
        file="scheduler/worker.py",
        old="caution * self.kv_check.deviations",
        new="self.kv_check.deviations",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_less_caution_raises_the_limit_and_lowers_the_margin"
        ),
        why="Forecasts that are hardly trusted hold uncertain requests back",
    ),
    Fault(
        file="scheduler/worker.py",
        old=" - self.kv_check.bias * self._kv.now",
        new="",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_forecasts_that_are_too_long_do_not_keep_the_cache_empty"
        ),
        why="Forecasts that are all too long hold requests back from an empty cache",
    ),
    Fault(
        file="scheduler/worker.py",
        old="        if self.spec.kv_tokens is not None and job.streams:\n",
        new="        if self.spec.kv_tokens is not None:\n",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_estimated_progress_proves_nothing_and_the_count_at_the_end_does"
        ),
        why="The gateway's own estimates count as evidence of its forecasts",
    ),
    Fault(
        file="scheduler/kv_report.py",
        old="min(max(missing, 0.0), report.prefix_hits)",
        new="max(missing, 0.0)",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_the_shared_part_of_prompts_is_at_most_the_prefix_hits"
        ),
        why="A lagging KV report counts as sharing, and the cache overflows",
    ),
    Fault(
        file="scheduler/kv_forecast.py",
        old="alive = beyond[atom - first] / beyond[0]",
        new="alive = beyond[atom - first]",
        test=(
            "tests/scheduler/test_kv_forecast.py::test_the_attained_tokens_condition_the_survival"
        ),
        why="An answer longer than its short modes is forecast to end soon",
    ),
    Fault(
        file="scheduler/worker_pool.py",
        old="        self._removed.discard(spec.id)\n        if",
        new="        if",
        test=("tests/scheduler/test_worker_pool.py::test_a_removed_worker_that_is_set_again_stays"),
        why="A worker that comes back while it leaves is forgotten",
    ),
    Fault(
        file="scheduler/keyed_queue.py",
        old="            self._lasts.insert(at, chunk[CHUNK - 1])\n",
        new="            self._lasts.insert(at, chunk[0])\n",
        test="tests/scheduler/test_keyed_queue.py::test_the_order_holds_over_many_chunks",
        why="Among thousands of waiting jobs some go in a wrong order",
    ),
    Fault(
        file="scheduler/kv_check.py",
        old=" * math.sqrt(min(1.0, jobs / _FULL_MARGIN_JOBS))",
        new="",
        test="tests/scheduler/test_worker_kv.py::test_a_cache_of_few_jobs_is_filled_as_one_of_thirty",
        why="A small cache before a fast engine is kept so empty that vLLM alone is faster",
    ),
    Fault(
        file="scheduler/pace.py",
        old="        return self._count\n",
        new="        return (time - self._first) * self._rate\n",
        test=(
            "tests/scheduler/test_silent_jobs.py::"
            "test_a_change_of_pace_changes_no_estimate_of_the_time_before"
        ),
        why="A few slow answers make all estimates of long answers fall, and the cache overflows",
    ),
    Fault(
        file="scheduler/pace.py",
        old="        seconds = min(max(seconds, usual / _MOST_CHANGE), usual * _MOST_CHANGE)\n",
        new="",
        test=(
            "tests/scheduler/test_pace.py::"
            "test_one_answer_that_waited_in_the_engine_moves_the_pace_little"
        ),
        why="One answer that was preempted makes all others seem to stand still",
    ),
    Fault(
        file="scheduler/pace.py",
        old="if sums[-1] >= _EARLY_TOKENS or len(early) >= _EARLY_ANSWERS:",
        new="if True:",
        test=("tests/scheduler/test_pace.py::test_an_odd_first_answer_is_outvoted_by_the_next_few"),
        why="One odd first answer sets a worker's pace wrongly for hundreds of answers",
    ),
    Fault(
        file="scheduler/outages.py",
        old="            del self._outages[queue]\n",
        new="            pass\n",
        test=(
            "tests/scheduler/test_outages.py::"
            "test_after_the_grace_new_jobs_are_rejected_at_once_until_a_worker_is_back"
        ),
        why="A model rejects its requests for ever after one outage",
    ),
    Fault(
        file="scheduler/outages.py",
        old="            del self._outages[first]\n",
        new="            return\n",
        test=(
            "tests/scheduler/test_outages.py::"
            "test_an_outage_that_no_job_meets_for_long_is_forgotten"
        ),
        why="Outages of workers that have gone for good add up",
    ),
    Fault(
        file="scheduler/sim/batch.py",
        old="                budget += used\n",
        new="",
        test=(
            "tests/scheduler/sim/test_engine.py::"
            "test_the_budget_of_a_preempted_request_goes_to_others_in_the_same_step"
        ),
        why="The simulated engine loses the token budget of a preempted request",
    ),
    Fault(
        file="scheduler/sim/arms.py",
        old="                deviations=deviations_for(self.overflow),\n",
        new="",
        test=(
            "tests/scheduler/sim/test_arms.py::"
            "test_a_worker_has_the_limits_of_its_engine_and_the_settings_of_the_arm"
        ),
        why="Simulations ignore the overflow probability, so --kv-overflow has no effect",
    ),
    Fault(
        file="scheduler/sim/simulator.py",
        old="priority(0, key) if self._arm.priority else 0",
        new="0",
        test=(
            "tests/scheduler/sim/test_simulator.py::"
            "test_the_engine_orders_its_own_queue_by_the_key_only_under_priority"
        ),
        why="The simulated engine orders its own queue by arrival under the priority policy",
    ),
    Fault(
        file="scheduler/kv_report.py",
        old="(report.prefix_hits <= 0 and self.shared <= 0)",
        new="report.prefix_hits <= 0",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_prompts_count_in_full_again_once_the_engine_reports_no_prefix_hits"
        ),
        why="Prompts count as shared for ever after the last prefix hit",
    ),
    Fault(
        file="scheduler/worker.py",
        old="self.kv_present * spec.kv_tokens:\n            return False",
        new="math.inf:\n            return False",
        test=(
            "tests/scheduler/test_worker_kv.py::"
            "test_without_caution_the_engine_gets_what_it_has_room_for_now"
        ),
        why="Requests wait in a full engine, where their place can no longer change",
    ),
    Fault(
        file="scheduler/kv_limits.py",
        old="KV_FREE * math.sqrt(KV_FREE_JOBS / max(jobs, KV_FREE_JOBS))",
        new="KV_FREE",
        test=(
            "tests/scheduler/test_worker_kv.py::"
            "test_the_more_jobs_a_cache_holds_the_less_of_it_stays_free"
        ),
        why="A large cache of many jobs keeps as large a part free as a small one",
    ),
    Fault(
        file="scheduler/worker.py",
        old="if not self.memory_is_scarcer:",
        new="if True:",
        test=(
            "tests/scheduler/test_worker_kv.py::"
            "test_the_engine_preempts_the_latest_job_where_memory_is_scarce"
        ),
        why="The engine preempts the longest job again and again",
    ),
    Fault(
        file="scheduler/kv_report.py",
        old="if not report.settled:",
        new="if False:",
        test=(
            "tests/scheduler/test_worker_reports.py::"
            "test_a_count_that_the_engine_contradicts_does_not_keep_the_cache_empty"
        ),
        why="An engine with waiting requests seems to have room, and gets more of them",
    ),
    Fault(
        file="scheduler/kv_check.py",
        old="min(1.0, small, honest)",
        new="min(1.0, small)",
        test=(
            "tests/scheduler/test_kv_check.py::"
            "test_forecasts_that_claim_more_than_they_know_lose_trust_at_any_margin"
        ),
        why="Forecasts that know less than they claim hold requests back from a quiet engine",
    ),
    Fault(
        file="scheduler/kv_forecast.py",
        old="            if new_mean < least:\n                return True\n",
        new="",
        test=(
            "tests/scheduler/test_worker_kv.py::test_a_job_waits_for_no_peak_that_comes_after_its_end"
        ),
        why="Short requests wait for a peak that comes after their end",
    ),
    Fault(
        file="scheduler/traffic.py",
        old="return share * math.log(of_model) + (1.0 - share) * math.log(of_worker)",
        new="return math.log(of_model)",
        test=(
            "tests/scheduler/test_scheduler.py::"
            "test_long_jobs_go_in_order_of_arrival_whichever_of_a_workers_models_they_ask_for"
        ),
        why="A model of long answers yields to all other models where slots are scarce",
    ),
    Fault(
        file="scheduler/traffic.py",
        old="return share * math.log(of_model) + (1.0 - share) * math.log(of_worker)",
        new="return math.log(of_worker)",
        test=(
            "tests/scheduler/test_traffic.py::"
            "test_each_model_has_its_usual_length_where_memory_is_scarcer_than_slots"
        ),
        why="A model of long answers fills a scarce cache",
    ),
    Fault(
        file="scheduler/traffic.py",
        old="(math.log(max(service_s, 1e-3)) - typical) / self._count",
        new="math.log1p((service_s - self.turn_seconds) / self.turn_seconds / self._count)",
        test=(
            "tests/scheduler/test_traffic.py::"
            "test_a_few_long_answers_do_not_set_the_length_of_a_turn"
        ),
        why="A few long answers set the pace at which all waiting counts",
    ),
    Fault(
        file="scheduler/worker_pool.py",
        old=" and queue.allows(worker.id)\n",
        new="",
        test=(
            "tests/scheduler/test_scheduler.py::"
            "test_a_job_for_one_worker_waits_for_it_and_holds_up_no_other"
        ),
        why="A job goes to a worker that lacks what the job builds on",
    ),
)
