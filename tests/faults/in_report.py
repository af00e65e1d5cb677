"""Faults in the report: what it reads, what it replays, what it advises, and its page."""

from __future__ import annotations

from tests.faults.fault import Fault

_SERVED = "tests/gateway/report/test_served.py::"
_LIMITS = "tests/gateway/report/test_limits.py::"
_SAVED = "tests/gateway/report/test_saved.py::"
_PAGE = "tests/gateway/report/test_page.py::"
_RUN = "tests/gateway/report/test_run.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/report/run.py",
        old="        if path is None:\n",
        new="        if True:\n",
        test=_RUN + "test_a_configuration_that_is_filled_in_elsewhere_has_a_remedy",
        why="Who has only the template of a configuration is not told how to get a report",
    ),
    Fault(
        file="gateway/report/page/fit.py",
        old="one in MEASURES if one in model",
        new="one in MEASURES if one in errors or one in model",
        test=_SAVED + "test_the_page_names_the_figure_that_is_off_and_no_other",
        why="The page names a figure that is within its bounds as the one that is off",
    ),
    Fault(
        file="gateway/report/run.py",
        old="        return load(path)\n",
        new="        return load(path, env={})\n",
        test=_RUN + "test_the_policy_is_that_of_the_environment_or_the_file_and_the_page_says_so",
        why="The report takes another policy for the present one than the gateway ran",
    ),
    Fault(
        file="gateway/report/served.py",
        old="            & (arrival > EARLIEST)\n",
        new="",
        test=_SERVED + "test_records_that_cannot_be_true_are_left_out_and_counted",
        why="A clock that was not set stretches the report over fifty years",
    ),
    Fault(
        file="gateway/report/served.py",
        old="np.where(steps < -_BACK_S, -steps, 0.0)",
        new="np.where(steps < -_BACK_S, 0.0, 0.0)",
        test=_SERVED + "test_a_clock_that_goes_back_is_told_and_steadied",
        why="After a clock went back, an hour is replayed with twice its requests",
    ),
    Fault(
        file="gateway/report/latency.py",
        old="    answered = served.of(served.whole)\n",
        new="    answered = served\n",
        test=_SERVED + "test_latency_is_of_whole_answers_by_class",
        why="Answers that broke off count as fast",
    ),
    Fault(
        file="gateway/report/limits.py",
        old="most - engine_queue if waited >= _WAITING_SHARE else most",
        new="most",
        test=_LIMITS + "test_slots_are_found_where_requests_waited",
        why="What waits inside an engine counts as running",
    ),
    Fault(
        file="gateway/report/limits.py",
        old="usual = np.flatnonzero(beyond > _SELDOM",
        new="usual = np.flatnonzero(beyond > 0 * _SELDOM",
        test=_LIMITS + "test_a_moment_with_more_at_once_is_chance",
        why="One moment's overlap passes for another slot",
    ),
    Fault(
        file="gateway/report/stretches.py",
        old="        chosen |= (arrival < arrival[rows[0]])",
        new="        chosen |= (arrival < -arrival[rows[0]])",
        test=_SAVED + "test_a_large_log_is_replayed_in_stretches_with_what_ran_before",
        why="Each stretch begins with idle engines and an empty queue",
    ),
    Fault(
        file="gateway/report/settings.py",
        old="(pool, requests=[i for i in pool.requests if seen[i].begun.arrival < until])\n",
        new="(pool, requests=pool.requests)\n",
        test=_SAVED + "test_what_is_chosen_has_not_seen_what_confirms_it",
        why="A setting is chosen on the requests that then confirm it",
    ),
    Fault(
        file="gateway/report/settings.py",
        old='    return gain["low"] > 0 and',
        new="    return",
        test=_SAVED + "test_only_a_clear_gain_is_worth_a_change",
        why="A gain that may be chance is recommended",
    ),
    Fault(
        file="gateway/report/page/saved.py",
        old='if one != "all" and rows[one]["mean_e2e"]["high"] < 0]',
        new='if one != "all" and rows[one]["mean_e2e"]["high"] < -1e9]',
        test=_SAVED + "test_the_conclusion_tells_the_saving_and_who_lost",
        why="Nobody hears who lost",
    ),
    Fault(
        file="gateway/report/page/html.py",
        old="    return html.escape(child) if isinstance(child, str) else",
        new="    return child if isinstance(child, str) else",
        test=_PAGE + "test_words_of_strangers_stay_words",
        why="A name of a key runs as code at the colleague's",
    ),
    Fault(
        file="gateway/report/period.py",
        old="        return begin, math.inf if self.span < math.inf else end\n",
        new="        return begin, end\n",
        test=_RUN + "test_refusals_of_the_period_count_also_where_nothing_was_served",
        why="A gateway that refuses everything since an hour has no refusals",
    ),
    Fault(
        file="gateway/report/outcomes.py",
        old="TypeError, OverflowError, RecursionError",
        new="TypeError, RecursionError",
        test=_RUN + "test_a_line_with_a_number_beyond_all_bounds_is_no_record",
        why="One line of the access log costs the whole report",
    ),
    Fault(
        file="gateway/report/served.py",
        old='        return [(value or "")[:LONGEST_NAME] for',
        new='        return [(value or "") for',
        test=_SERVED + "test_a_name_of_a_million_letters_takes_no_room_in_other_rows",
        why="A name of megabytes is in every row, and on the page",
    ),
    Fault(
        file="gateway/report/served.py",
        old=" & (sequences <= _MOST_SEQUENCES)\n",
        new="\n",
        test=_SERVED + "test_records_that_cannot_be_true_are_left_out_and_counted",
        why="One record is replayed as ten million requests",
    ),
    Fault(
        file="predictor/served_log/logged_forecast.py",
        old="(tokens > 0) & (tokens <= MOST_TOKENS)",
        new="tokens != 0",
        test=_RUN + "test_forecasts_that_cannot_be_true_are_counted_and_not_scored",
        why="One damaged forecast costs the whole report",
    ),
    Fault(
        file="predictor/served_log/segments.py",
        old="Lost(files=1)",
        new="Lost()",
        test=_RUN + "test_damage_to_the_log_is_on_the_page",
        why="A part of the log is missing and the colleague does not hear of it",
    ),
    Fault(
        file="gateway/report/outcomes.py",
        old="                elif begin <= found[0] <= end:\n",
        new="                else:\n",
        test=_RUN + "test_requests_without_an_answer_are_counted_from_the_access_log",
        why="Refusals of last month count as today's",
    ),
    Fault(
        file="predictor/served_log/segments.py",
        old="return table.select(list(columns)), lost\n",
        new='return table.sort_by("finished").select(list(columns)), lost\n',
        test="tests/predictor/served_log/test_served_log.py::"
        "test_records_are_read_as_written_where_the_clock_went_back",
        why="Nobody can see that a clock went back",
    ),
    Fault(
        file="predictor/evaluation/served.py",
        old="    return 1 - float(made.mean()) / alone if alone > 0 else nan\n",
        new="    return float(made.mean()) / alone if alone > 0 else nan\n",
        test="tests/predictor/evaluation/test_served.py::"
        "test_the_intervals_and_the_skill_are_those_of_the_forecasts",
        why="Good forecasts have little skill",
    ),
)
