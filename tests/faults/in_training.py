"""Faults in predictor/training/ and predictor/data/."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
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
        file="predictor/training/refined/targets.py",
        old="weight[:count] *= share[:, None]",
        new="weight[:count] *= 1.0",
        test=(
            "tests/predictor/training/refined/test_targets.py::"
            "test_a_prompt_weighs_by_as_much_of_the_request_as_the_encoder_reads"
        ),
        why="The encoder learns lengths from Japanese prompts, of which it reads no word",
    ),
)
