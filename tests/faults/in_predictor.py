"""Faults in predictor/: features, both tiers and model directories."""

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
)
