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
        file="gateway/report/served.py",
        old="            & (arrival > _EARLIEST)\n",
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
        file="gateway/report/outcomes.py",
        old="                elif begin <= found[0] <= end:\n",
        new="                else:\n",
        test=_RUN + "test_requests_without_an_answer_are_counted_from_the_access_log",
        why="Refusals of last month count as today's",
    ),
    Fault(
        file="predictor/served_log/segments.py",
        old="None, columns).select(list(columns))\n",
        new='None, columns).sort_by("finished").select(list(columns))\n',
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
