"""Faults in predictor/."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="predictor/files.py",
        old="fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        new="fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        test=(
            "tests/predictor/test_files.py::"
            "test_a_second_lock_is_refused_and_names_the_process_that_holds_the_first"
        ),
        why=(
            "Two gateways write the same served log, or two refits publish versions, at "
            "the same time"
        ),
    ),
    Fault(
        file="predictor/features/length_marks.py",
        old="_MOST_DIGITS = 7",
        new="_MOST_DIGITS = 99",
        test=(
            "tests/predictor/features/test_asked_length.py::"
            "test_a_number_that_no_answer_can_reach_states_no_length"
        ),
        why=(
            "A misread number such as 'in 2000000000 words' carries a forecast away by any factor"
        ),
    ),
    Fault(
        file="predictor/fast/inputs.py",
        old="unknown = np.where(matches.routes == GENERIC, nan, 0.0)",
        new="unknown = np.zeros(len(matches.routes))",
        test=(
            "tests/predictor/fast/test_inputs.py::"
            "test_a_generic_model_has_the_level_of_its_name_and_no_text_score_of_its_own"
        ),
        why=(
            "The boosters read an unknown model as one whose texts are like the average, on "
            "which they were never trained"
        ),
    ),
    Fault(
        file="predictor/fast/location.py",
        old="return np.asarray(1.0 - _FIRM * trust**2)",
        new="return np.ones_like(trust)",
        test=(
            "tests/predictor/fast/test_location.py::"
            "test_the_more_trusted_a_prior_is_the_less_of_a_correction_stays"
        ),
        why="Trees that know no labels carry the forecast of 'one word' away",
    ),
    Fault(
        file="predictor/fast/formulas.py",
        old="return with_thinking(answer, effort)",
        new="return answer",
        test=(
            "tests/predictor/fast/test_inputs.py::"
            "test_thinking_is_added_to_what_a_prior_says_of_the_answer"
        ),
        why="A model that thinks before it answers is forecast as one that does not",
    ),
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
        file="predictor/training/boosters.py",
        old="        inputs[:, THINKING] = self.cells.effort[cell]\n",
        new="",
        test=(
            "tests/predictor/training/test_boosters.py::"
            "test_a_row_thinks_as_its_cell_does_whatever_the_prompt_alone_says"
        ),
        why="Lengths with their thinking are learned as lengths of answers alone",
    ),
    Fault(
        file="predictor/training/crossfit.py",
        old="everything = _joined([located, *novel])",
        new="everything = located",
        test=(
            "tests/predictor/training/test_crossfit.py::"
            "test_kinds_left_out_widen_strange_forecasts_and_are_in_nothing_else"
        ),
        why="Traffic that the training lacks gets intervals as narrow as known traffic",
    ),
    Fault(
        file="predictor/training/refined/reuse.py",
        old="if not {canonical(name) for name in encoder.models} <= set(fast.models.names):",
        new="if False:",
        test=(
            "tests/predictor/training/refined/test_reuse.py::"
            "test_an_encoder_of_other_models_is_refused"
        ),
        why="The encoder's columns of other models are read as those of the models trained on",
    ),
    Fault(
        file="predictor/features/definition.py",
        old="    _add_system_prompts(asked, demanded, prompts)\n",
        new="",
        test=(
            "tests/predictor/features/test_features.py::"
            "test_a_limit_in_the_system_message_counts_too"
        ),
        why=(
            "A system prompt such as 'Answer in at most 20 words' no longer shortens the forecast"
        ),
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
        file="predictor/artefact/versions.py",
        old="if expected is not None and here != expected:",
        new="if False:",
        test=(
            "tests/predictor/artefact/test_versions.py::"
            "test_promotion_is_refused_if_another_became_current"
        ),
        why="A refit overwrites a rollback that the operator made while the refit ran",
    ),
    Fault(
        file="predictor/training/crossfit.py",
        old="_fit_fold(inputs, cells[inside], cells[~inside], part, threads=threads, hasty=hasty)",
        new="_fit_fold(inputs, cells, cells[~inside], part, threads=threads, hasty=hasty)",
        test=(
            "tests/predictor/training/test_crossfit.py::"
            "test_an_out_of_fold_forecast_does_not_know_its_prompts_noise"
        ),
        why=(
            "Intervals are calibrated on prompts that the boosters have seen, so they are "
            "too narrow"
        ),
    ),
    Fault(
        file="predictor/training/crossfit.py",
        old="seen = inside[~np.isin(model[inside], hidden)]",
        new="seen = inside",
        test=(
            "tests/predictor/training/test_crossfit.py::"
            "test_a_hidden_models_lengths_are_not_known_to_the_fit"
        ),
        why="Intervals of unseen models are calibrated by boosters that have seen these models",
    ),
    Fault(
        file="predictor/training/kernel_ridge.py",
        old="out[rows[block]] = values[block] - residual",
        new="pass",
        test=(
            "tests/predictor/training/test_kernel_ridge.py::"
            "test_out_of_fold_scores_are_those_of_a_fit_without_the_fold"
        ),
        why="The boosters are trained on text scores that know the prompts' own lengths",
    ),
    Fault(
        file="predictor/training/interval_calibration.py",
        old="counted = endless | ~censored",
        new="counted = endless | censored | ~censored",
        test=(
            "tests/predictor/training/test_interval_calibration.py::"
            "test_an_answer_cut_below_the_generation_limit_does_not_count_in_the_endless_rate"
        ),
        why="Answers cut by max_tokens lower the rate of endless answers",
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
        file="predictor/data/collected.py",
        old='records.of_prompts((split == "test") == test)',
        new="records",
        test=(
            "tests/predictor/data/test_sources.py::"
            "test_the_test_split_of_a_collection_is_for_measuring_only"
        ),
        why="Training reads a collection's test split",
    ),
    Fault(
        file="predictor/data/splits.py",
        old="np.where(mixed[group], leaks[group], drawn)",
        new="drawn",
        test=(
            "tests/predictor/data/test_splits.py::"
            "test_other_kinds_near_duplicates_of_castillos_prompts_are_held_out_with_these"
        ),
        why="Training reads near-duplicates of held-out prompts",
    ),
    Fault(
        file="predictor/data/kinds/reader.py",
        old='factors[flags(table, "native")] = 1.0',
        new="pass",
        test=(
            "tests/predictor/data/kinds/test_reader.py::"
            "test_counts_of_another_tokenizer_become_the_models_own"
        ),
        why="Lengths in a model's own tokens are converted as if another tokenizer had counted",
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
        file="predictor/features/reasoning.py",
        old="    if asked == ANSWER_ALONE:\n        return 0.0\n",
        new="",
        test=(
            "tests/predictor/data/kinds/test_reader.py::"
            "test_a_length_that_leaves_thinking_out_is_an_answers_alone"
        ),
        why=(
            "A measured answer without its thinking is compared with a forecast of both, which "
            "then looks several times too long"
        ),
    ),
    Fault(
        file="predictor/training/evidence.py",
        old="* prior.strength * once",
        new="* prior.strength",
        test=(
            "tests/predictor/training/test_evidence.py::"
            "test_a_text_asked_with_several_settings_counts_once"
        ),
        why="A puzzle asked in three modes moves the stated length of its form three times",
    ),
    Fault(
        file="predictor/features/demands.py",
        old='_bits("bare", "bare_noun"),',
        new='_bits("bare"),',
        test=(
            "tests/predictor/features/test_demands.py::test_a_bare_name_needs_no_word_for_answering"
        ),
        why="What wants 'just the name' is forecast as long as an explanation",
    ),
    Fault(
        file="predictor/refined/head.py",
        old="share = 1 - np.broadcast_to(fast_share, len(ROUTES))[route]",
        new="share = 1 - np.broadcast_to(fast_share, len(ROUTES))[0]",
        test=(
            "tests/predictor/refined/test_head.py::"
            "test_the_fast_share_of_a_route_holds_for_its_models_alone"
        ),
        why="A model that the encoder never saw is refined as boldly as one that it knows",
    ),
    Fault(
        file="predictor/fast/formulas.py",
        old="if not (some(trust) or some(strange)):",
        new="if not some(strange):",
        test=(
            "tests/predictor/fast/test_inputs.py::"
            "test_a_plain_request_is_forecast_alike_alone_and_beside_special_ones"
        ),
        why="Alone, a request that states its form is forecast by trees that do not know it",
    ),
    Fault(
        file="predictor/fast/doubt.py",
        old="hypot(left * max(kind, below), untuned)",
        new="hypot(left * hypot(kind, below), untuned)",
        test=(
            "tests/predictor/fast/test_doubt.py::"
            "test_the_larger_doubt_counts_where_model_and_kind_are_both_new"
        ),
        why="Intervals of new kinds of request by new models reach from a word to a book",
    ),
    Fault(
        file="predictor/fast/doubt.py",
        old="hypot(min(reached, _USUAL_END), _END * doubt)",
        new="hypot(reached, _END * doubt)",
        test=(
            "tests/predictor/fast/test_doubt.py::"
            "test_what_a_forecast_says_itself_counts_against_the_doubt"
        ),
        why="What trees learned from kinds left out is doubted a second time",
    ),
    Fault(
        file="predictor/fast/doubt.py",
        old="    end = max(end, _LEAST_END)\n",
        new="    return hypot(scale, doubt)\n",
        test=(
            "tests/predictor/fast/test_doubt.py::"
            "test_a_heavy_tail_of_errors_does_not_multiply_the_doubt"
        ),
        why="Where errors have heavy tails, intervals of new models reach from a word to a book",
    ),
    Fault(
        file="predictor/raw_forecast.py",
        old="None if self.plain is None else self.plain[rows]",
        new="None",
        test=(
            "tests/predictor/test_raw_forecast.py::"
            "test_the_scale_without_doubt_stays_with_its_forecast_in_parts_and_joined"
        ),
        why="Refined forecasts of several requests at once doubt new models twice",
    ),
    Fault(
        file="predictor/refined/head.py",
        old="wide, lower = widened(raw.inputs, scale, located, shape)",
        new="wide, lower = widened(raw.inputs, scale, raw.location, shape)",
        test=(
            "tests/predictor/refined/test_head.py::"
            "test_the_doubt_of_a_new_model_is_about_the_refined_forecast"
        ),
        why="Of two essays by a new model, the one that the encoder finds longer comes first",
    ),
    Fault(
        file="predictor/refined/head_inputs.py",
        old="long * left_long + (1.0 - long) * left_short",
        new="left_short",
        test=(
            "tests/predictor/refined/test_head.py::"
            "test_a_demand_for_a_long_answer_leaves_more_to_the_encoder_than_one_for_a_short_one"
        ),
        why="Essays are ranked by their stated form, although the encoder learned to rank them",
    ),
    Fault(
        file="predictor/training/refined/targets.py",
        old="weight[:count] *= share[:, None]",
        new="weight[:count] *= 1.0",
        test=(
            "tests/predictor/training/refined/test_targets.py::"
            "test_a_prompt_weighs_by_as_much_of_the_request_as_the_encoder_reads"
        ),
        why="The encoder learns lengths from Japanese prompts, of which it reads no word",
    ),
    Fault(
        file="predictor/fast/doubt.py",
        old="all(sign > 0 for sign in signs)",
        new="any(sign > 0 for sign in signs)",
        test=(
            "tests/predictor/fast/test_doubt.py::"
            "test_an_agent_that_goes_on_with_its_task_leaves_half_of_the_doubt"
        ),
        why="A new task in a chat is forecast as surely as the next step of an agent",
    ),
    Fault(
        file="predictor/features/surface.py",
        old='own = b"n" + heads[start:end]',
        new='own = b"n" + heads[start:]',
        test=(
            "tests/predictor/fast/test_alone_and_together.py::"
            "test_features_are_the_same_to_the_last_bit"
        ),
        why="A text of a batch is forecast with the lists of the texts behind it",
    ),
    Fault(
        file="predictor/features/length_gate.py",
        old="place = np.arange(len(near)) + _AROUND * tokens.text.take(near)",
        new="place = np.arange(len(near)) + 0 * tokens.text.take(near)",
        test=(
            "tests/predictor/fast/test_alone_and_together.py::"
            "test_features_are_the_same_to_the_last_bit"
        ),
        why="A number at the end of one request counts the words that begin the next",
    ),
    Fault(
        file="predictor/features/phrase_table.py",
        old="key = (key * _NEXT_INT & _WORD) ^ hashes.item(min(last, len(hashes) - 1))",
        new="key = (key * _NEXT_INT) ^ hashes.item(min(last, len(hashes) - 1))",
        test=(
            "tests/predictor/features/test_phrase_table.py::"
            "test_phrases_are_found_in_long_texts_as_in_short_ones"
        ),
        why="Demands of three words and more are not found in short requests",
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
