"""Faults in predictor/: what is learned while serving, refits and the served log."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="predictor/refit/refit.py",
        old="familiar_with(base, earlier)",
        new="base",
        test=(
            "tests/predictor/refit/test_familiarity.py::"
            "test_intervals_are_as_narrow_after_a_refit_as_errors_warrant"
        ),
        why="Intervals of traffic stay wide, as of unknown traffic, however much is learned",
    ),
    Fault(
        file="predictor/served_log/record.py",
        old='"%.9g"',
        new='"%.7g"',
        test=(
            "tests/predictor/refit/test_familiarity.py::"
            "test_a_replay_of_the_log_finds_requests_as_novel_as_they_were_when_served"
        ),
        why="Refits and rollbacks judge other forecasts than those that were served",
    ),
    Fault(
        file="predictor/adaptive/censoring.py",
        old="weight = min(1.0, ended / _EARLY) * (1 - endless)",
        new="weight = 1.0 - endless",
        test=(
            "tests/predictor/adaptive/test_censoring.py::"
            "test_a_cut_before_the_first_likely_end_has_almost_no_weight"
        ),
        why="Clients that hang up after a token count as full evidence of the model's lengths",
    ),
    Fault(
        file="predictor/adaptive/layer.py",
        old="            self.history.rebase(learned.history if learned else None)\n",
        new="",
        test=(
            "tests/predictor/adaptive/test_layer.py::"
            "test_another_predictor_drops_the_errors_of_templates"
        ),
        why="After a new model is loaded, forecasts are corrected by the errors of the old one",
    ),
    Fault(
        file="predictor/adaptive/memory.py",
        old="keep *= stale",
        new="keep *= 1.0",
        test=(
            "tests/predictor/adaptive/test_memory.py::test_answers_of_another_epoch_become_stale"
        ),
        why="Answers from before a silent change of a model keep their full weight",
    ),
    Fault(
        file="predictor/served_log/writer.py",
        old="            os.ftruncate(self._file, self._bytes)\n",
        new="",
        test=(
            "tests/predictor/served_log/test_served_log.py::"
            "test_a_write_that_fails_half_way_leaves_no_part_of_a_line"
        ),
        why=(
            "A full disk leaves half a line, which the next record is then appended to and "
            "lost with"
        ),
    ),
    Fault(
        file="predictor/served_log/writer.py",
        old="if self._rows >= self._segment_rows or self._bytes >= self._segment_bytes:",
        new="if self._rows >= self._segment_rows:",
        test=(
            "tests/predictor/served_log/test_served_log.py::"
            "test_a_segment_of_many_bytes_is_finished_before_it_has_all_its_rows"
        ),
        why=(
            "Records with long texts grow the open segment beyond the size that the "
            "operator allows for the log"
        ),
    ),
    Fault(
        file="predictor/refit/refit.py",
        old="return fitted, seen & ~fitted, ~seen",
        new="return fitted, fitted, fitted",
        test=(
            "tests/predictor/refit/test_as_served.py::"
            "test_fitting_choosing_and_deciding_use_other_traffic_each"
        ),
        why="A refit is promoted by its score on the traffic that it was fitted to",
    ),
    Fault(
        file="predictor/refit/compare.py",
        old="deviation = np.bincount(traffic.prompt, weights=gain - gain.mean())",
        new="deviation = gain - gain.mean()",
        test=(
            "tests/predictor/refit/test_compare.py::"
            "test_repetitions_of_a_prompt_do_not_narrow_the_interval"
        ),
        why="Requests with the same prompt count as independent, so noise is promoted",
    ),
    Fault(
        file="predictor/refit/refit.py",
        old=(
            "since = max(start.versions.promoted_at(start.folder.name), start.current.fitted_until)"
        ),
        new="since = 0.0",
        test=(
            "tests/predictor/refit/test_refit.py::"
            "test_traffic_from_before_a_promotion_does_not_roll_it_back"
        ),
        why="A version is rolled back because of traffic from before its promotion",
    ),
    Fault(
        file="predictor/adaptive/shape.py",
        old="_SIZE, _HALF_LIFE = 512, 200.0",
        new="_SIZE, _HALF_LIFE = 512, 1e9",
        test=(
            "tests/predictor/adaptive/test_shape.py::"
            "test_the_median_follows_the_recent_errors_against_more_earlier_ones"
        ),
        why="Earlier errors weigh as much as recent errors, so the shape follows no change",
    ),
    Fault(
        file="predictor/served_log/writer.py",
        old="            self._lost += len(records)\n",
        new="            self.written += len(records)\n",
        test="tests/gateway/requests/test_feedback.py::"
        "test_records_lost_to_a_full_disk_count_as_dropped",
        why="Records that a full disk lost count as written",
    ),
    Fault(
        file="gateway/forecasting/forecaster.py",
        old="        if self._refined.stuck(budget_s):",
        new="        if False:",
        test="tests/gateway/forecasting/test_forecaster.py::"
        "test_a_refinement_that_hangs_collects_nothing_and_serves_again",
        why="Requests pile up behind a refinement that hangs, and each waits out its budget",
    ),
    Fault(
        file="predictor/adaptive/state.py",
        old="        recent.prior = prior\n",
        new="",
        test="tests/predictor/adaptive/test_state.py::test_restarts_without_answers_change_nothing",
        why="The second restart without an answer between loses what was learned",
    ),
    Fault(
        file="predictor/adaptive/state.py",
        old="if count and 0 < MASS @ prior**2 < np.inf:",
        new="if count:",
        test="tests/predictor/adaptive/test_state.py::"
        "test_a_state_without_a_shape_serves_and_learns[whole]",
        why="A state that an earlier version stored without a shape breaks every forecast",
    ),
)
