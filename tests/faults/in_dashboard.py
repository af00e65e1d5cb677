"""Faults in the live page: who sees it, and what it costs."""

from __future__ import annotations

from tests.faults.fault import Fault

_EVENTS = "tests/gateway/admin/dashboard/test_events.py::"
_RECENT = "tests/gateway/requests/test_recent.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/admin/guard.py",
        old='header(headers, b"sec-fetch-site").strip() in SAME',
        new="True",
        test=_EVENTS + "test_another_web_page_sees_no_events",
        why="A web page elsewhere takes the places of the viewers",
    ),
    Fault(
        file="gateway/admin/dashboard/pages.py",
        old=" or names & FORWARDED:",
        new=":",
        test=_EVENTS + "test_what_a_proxy_passes_on_sees_no_page",
        why="A proxy before the gateway shows its page to the world",
    ),
    Fault(
        file="gateway/admin/dashboard/viewers.py",
        old="            while self._viewers:\n",
        new="            while True:\n",
        test=_EVENTS + "test_all_viewers_share_one_snapshot_and_none_is_taken_for_nobody",
        why="Snapshots are taken although nobody watches",
    ),
    Fault(
        file="gateway/admin/dashboard/viewers.py",
        old="            if viewer.qsize() > MOST_BEHIND:\n",
        new="            if False:\n",
        test=_EVENTS + "test_a_viewer_that_falls_behind_is_dropped_and_the_others_go_on",
        why="A viewer that does not read ends the page of all others",
    ),
    Fault(
        file="gateway/admin/dashboard/snapshot.py",
        old="list(_points(self._last(recent.answered - self._answered)))",
        new="list(_points(self._last(0)))",
        test=_EVENTS + "test_an_answer_is_told_once_to_each_viewer",
        why="Answers count twice in the picture of forecasts",
    ),
    Fault(
        file="gateway/admin/app.py",
        old="    parts.leaving.at_drain.append(partial(viewers.close, lasting=False))\n",
        new="",
        test=_EVENTS + "test_a_drain_ends_the_viewers_among_clients_and_leaves_the_operators",
        why="An open page holds up the drain until its time limit",
    ),
    Fault(
        file="gateway/requests/recent.py",
        old="        failure = self.errors.pop(same, None) or Failure(",
        new="        failure = Failure(",
        test=_RECENT + "test_an_error_that_repeats_is_one_entry_with_a_count",
        why="The page does not tell how often an error has come",
    ),
)
"""Each one fails a test."""
