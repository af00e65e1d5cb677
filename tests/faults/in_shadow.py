"""Faults in the shadow: what it is told, what it replays, and what it says."""

from __future__ import annotations

from tests.faults.fault import Fault

_ADMISSION = "tests/gateway/replay/test_admission.py::"
_JUDGE = "tests/gateway/replay/test_judge.py::"
_ROOT = "tests/gateway/replay/test_root.py::"
_SCALING = "tests/gateway/replay/test_scaling.py::"
_SEEN = "tests/gateway/replay/test_seen.py::"
_SHADOW = "tests/gateway/shadow/test_shadow.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/replay/judge.py",
        old='        "state": "ok" if fits else "model_off",\n',
        new='        "state": "ok",\n',
        test=_JUDGE + "test_a_model_that_is_off_says_by_how_much_and_nothing_else",
        why="Figures of a model that does not fit pass for good ones",
    ),
    Fault(
        file="gateway/replay/compare.py",
        old="        saved = actual * (other / np.maximum(present, 1e-9)) - actual\n",
        new="        saved = actual - actual * (other / np.maximum(present, 1e-9))\n",
        test=_JUDGE + "test_the_saving_is_the_difference_of_two_runs",
        why="What is lost counts as saved",
    ),
    Fault(
        file="gateway/replay/step_costs.py",
        old="            (together * context).sum(axis=1),\n",
        new="            together.sum(axis=1),\n",
        test=_JUDGE + "test_the_context_costs_where_that_explains_the_times",
        why="The context of the answers costs nothing in the shadow's engine",
    ),
    Fault(
        file="gateway/replay/seen.py",
        old="min((since for since in open_since if since > now - span / 2), default=now)",
        new="now",
        test=_SEEN + "test_a_window_ends_where_the_oldest_request_under_way_has_come",
        why="Long answers, which end late, are missing from the window",
    ),
    Fault(
        file="gateway/replay/replay.py",
        old="    heeds = (True, False) if",
        new="    heeds = (True,) if",
        test=_JUDGE + "test_whether_the_engine_heeds_priorities_is_found_out",
        why="An engine that takes requests as they come is taken to order them",
    ),
    Fault(
        file="gateway/replay/step_costs.py",
        old="min(good, key=lambda fit: (len(fit[0]), fit[2]))",
        new="max(good, key=lambda fit: len(fit[0]))",
        test=_JUDGE + "test_factors_that_the_times_do_not_tell_apart_cost_nothing",
        why="Costs that fit one policy alone are far off under another",
    ),
    Fault(
        file="gateway/replay/step_costs.py",
        old="np.where(shorter, rate[:, None], rate[None, :])",
        new="rate[None, :]",
        test=_JUDGE + "test_prompts_cost_what_they_cost_where_they_make_steps_long",
        why="To compute a preempted request again costs too little in the shadow's engine",
    ),
    Fault(
        file="gateway/replay/step_costs.py",
        old="float(usual.mean())",
        new="float(np.median(errors))",
        test=_JUDGE + "test_an_answer_alone_is_faster_though_most_ran_in_a_full_batch",
        why="The size of a batch costs nothing in the shadow's engine where it hardly varies",
    ),
    Fault(
        file="gateway/replay/replay.py",
        old="            pool.scale(math.exp(place), learned)\n",
        new="",
        test=_JUDGE + "test_a_small_error_of_the_costs_is_found_by_the_latencies",
        why="Costs that are a little off make savings that are far off, near the capacity",
    ),
    Fault(
        file="gateway/replay/root.py",
        old="        if self._low is not None and self._high is not None:\n",
        new="        if False:\n",
        test=_ROOT + "test_between_errors_of_both_signs_no_step_leaves_the_bracket",
        why="Near saturation the costs are scaled to and fro and never fit",
    ),
    Fault(
        file="gateway/replay/replay.py",
        old="        if abs(off) < best:\n",
        new="        if True:\n",
        test=_SCALING + "test_of_all_trials_the_best_one_counts",
        why="The last trial's costs stay although an earlier one fitted better",
    ),
    Fault(
        file="gateway/replay/engine_run.py",
        old="    if not pool.requests:\n",
        new="    if False:\n",
        test="tests/gateway/report/test_saved.py::"
        "test_a_model_that_came_late_is_replayed_once_it_came",
        why="A report of a model with its own worker that began late does not come about",
    ),
    Fault(
        file="gateway/replay/judge.py",
        old="abs(math.log(factor)) <= math.log1p(tolerance)",
        new="factor",
        test=_JUDGE + "test_costs_that_were_bent_until_they_fit_show_no_figures",
        why="Costs that were bent until they fit show figures",
    ),
    Fault(
        file="gateway/replay/replay.py",
        old="    pool.delay = delay(rows, seen)\n",
        new="",
        test=_ADMISSION + "test_the_delay_is_read_from_the_first_tokens",
        why="A gateway far from its workers is replayed as one with slow engines",
    ),
    Fault(
        file="gateway/replay/replay.py",
        old='"tenants", "kv_report_s")',
        new='"tenants")',
        test=_ADMISSION + "test_admission_goes_by_reports_of_the_kv_use_as_it_does_in_the_gateway",
        why="The replay admits more than the gateway, and takes the engine for slower",
    ),
    Fault(
        file="scheduler/sim/simulator.py",
        old="                self._report()\n",
        new="                pass\n",
        test="tests/scheduler/sim/test_simulator.py::"
        "test_reports_of_the_kv_use_correct_the_count_by_which_requests_are_let_in",
        why="In the simulator no engine reports its KV use",
    ),
    Fault(
        file="gateway/shadow/feed.py",
        old="        if len(self.begun) < MOST_KEPT:\n",
        new="        if True:\n",
        test=_SHADOW + "test_what_nobody_takes_is_bounded_and_counted",
        why="A shadow that is down fills the gateway's memory",
    ),
    Fault(
        file="gateway/shadow/shadow.py",
        old="            self.restarts += 1\n",
        new="            return\n",
        test=_SHADOW + "test_a_process_that_ends_is_started_again_and_costs_no_request",
        why="A shadow that has died stays dead",
    ),
)
