"""Faults in what several fronts of one gateway do together."""

from __future__ import annotations

from tests.faults.fault import Fault

_MERGE = "tests/gateway/fronts/test_merge.py::"
_PROCESS = "tests/gateway/fronts/test_process.py::"
_BACK_OFF = "tests/gateway/fronts/test_back_off.py::"
_PAGES = "tests/gateway/fronts/test_pages.py::"
_SCHEDULER = "tests/gateway/fronts/test_scheduler_process.py::"
_SHARE = "tests/gateway/fronts/test_share.py::"
_TABLE = "tests/gateway/access/test_shared_table.py::"
_USAGE = "tests/gateway/usage/test_files.py::"
_ENDS = "tests/gateway/fronts/test_ends.py::"
_SERVING = "tests/gateway/fronts/test_serving.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/fronts/merge.py",
        old="found[key] = sample.value if before is None else combine(before, sample.value)",
        new="found[key] = sample.value",
        test=_MERGE + "test_each_metric_goes_by_its_rule",
        why="The page of all fronts shows the figures of the last one",
    ),
    Fault(
        file="gateway/fronts/merge.py",
        old="return min if name in LEAST else float.__add__",
        new="return float.__add__",
        test=_MERGE + "test_each_metric_goes_by_its_rule",
        why="A worker that one front cannot reach seems up",
    ),
    Fault(
        file="gateway/fronts/lasting_counts.py",
        old="        self._ended.add(counts.values(), name)\n",
        new="        del counts\n",
        test=_MERGE + "test_no_sum_falls_when_a_front_is_silent_dies_and_starts_again",
        why="Prometheus counts the requests of all fronts again when one of them dies",
    ),
    Fault(
        file="gateway/fronts/lasting_counts.py",
        old=" or asked.get(name, 0) != self._lives[name]:",
        new=":",
        test=_MERGE + "test_what_a_dead_front_has_kept_since_its_last_page_is_in_the_sums",
        why="What a front has counted is counted twice when it dies while it is asked",
    ),
    Fault(
        file="gateway/fronts/parent.py",
        old="take_counts(counts, child.pid)",
        new="()",
        test=_ENDS + "test_what_killed_fronts_have_counted_since_a_page_stays_in_the_sums",
        why="What a killed front has counted since its last page is lost",
    ),
    Fault(
        file="gateway/fronts/states.py",
        old='if any(state == "ready"',
        new='if all(state == "ready"',
        test=_ENDS + "test_a_front_that_hangs_shows_and_holds_no_page_up",
        why="A front that starts again takes the whole gateway out of its balancer",
    ),
    Fault(
        file="gateway/fronts/process.py",
        old="            self._died()\n",
        new="",
        test=_PROCESS + "test_a_child_that_dies_is_started_again_and_frees_what_it_held",
        why="What a dead front held of its clients' limits is never free again",
    ),
    Fault(
        file="gateway/fronts/back_off.py",
        old="elif not (self.served and code in {BAD_INPUT, NOT_STARTED}):",
        new="else:",
        test=_PROCESS + "test_a_file_that_became_wrong_ends_no_gateway_that_serves",
        why="A configuration that became wrong ends a gateway that serves by the one of before",
    ),
    Fault(
        file="gateway/fronts/share.py",
        old="requests.retries_per_s / count",
        new="requests.retries_per_s",
        test=_SHARE + "test_the_shares_of_all_fronts_come_to_the_bound",
        why="Each front retries as often as the whole gateway may",
    ),
    Fault(
        file="gateway/access/shared_table.py",
        old="        fcntl.flock(self._file, fcntl.LOCK_EX)\n",
        new="",
        test=_TABLE + "test_no_count_is_lost_where_two_processes_count_at_once",
        why="Two fronts that count at the same moment lose a count",
    ),
    Fault(
        file="gateway/access/shared_table.py",
        old="            column[rows] = 0.0\n",
        new="",
        test=_TABLE + "test_what_a_dead_process_had_running_is_taken_back",
        why="Requests of a dead front count as running for ever",
    ),
    Fault(
        file="gateway/access/shared_accounts.py",
        old="first, self._counted = not self._counted, True",
        new="first, self._counted = True, True",
        test=_TABLE + "test_a_groups_budget_counts_each_member_once",
        why="Each front adds to a group's budget what its members had spent before the start",
    ),
    Fault(
        file="gateway/usage/ledger.py",
        old="        for other in files_beside(self._path):\n",
        new="        for other in ():\n",
        test=_USAGE + "test_budgets_begin_with_what_all_fronts_have_counted",
        why="After a restart a budget forgets what the other fronts have counted",
    ),
    Fault(
        file="gateway/fronts/parent_link.py",
        old="        sleep(AGAIN_S)\n        os.kill(os.getpid(), signal.SIGTERM)",
        new="        sleep(AGAIN_S)\n        os.getpid()",
        test=_ENDS + "test_no_process_outlives_a_killed_parent",
        why="A front without its parent goes on with its streams, and holds the port",
    ),
    Fault(
        file="gateway/fronts/pages.py",
        old="    group.remember(path, body, undoes)\n",
        new="",
        test=_SERVING + "test_what_operators_tell_holds_for_all_fronts_also_after_one_starts_again",
        why="A front that starts again sends requests to a worker that is drained",
    ),
    Fault(
        file="gateway/fronts/learning.py",
        old="            self._forecaster.take(seen)\n",
        new="",
        test=_SERVING + "test_what_one_front_learns_the_others_know_also_after_a_restart",
        why="Each front learns from its own answers alone",
    ),
    Fault(
        file="gateway/fronts/child.py",
        old="learned_by_others(self._handoff) or AdaptiveLayer",
        new="AdaptiveLayer",
        test=_SERVING + "test_what_one_front_learns_the_others_know_also_after_a_restart",
        why="A front that starts again has forgotten what was learned",
    ),
    Fault(
        file="gateway/fronts/process.py",
        old="        if self._leaving.is_set():  # the signal came",
        new="        if False:  # the signal came",
        test=_PROCESS + "test_a_signal_while_a_child_is_being_started_reaches_it",
        why="SIGTERM is lost while a process is being started",
    ),
    Fault(
        file="gateway/fronts/process.py",
        old="        if self.serving.is_set():\n            self._send(number)",
        new="        if True:\n            self._send(number)",
        test=_PROCESS + "test_sighup_waits_for_a_child_that_does_not_serve_yet",
        why="A reload kills a front that is being started",
    ),
    Fault(
        file="gateway/fronts/process.py",
        old="except OSError as error:",
        new="except ZeroDivisionError as error:",
        test=_PROCESS + "test_a_child_that_the_system_cannot_start_ends_no_gateway_that_serves",
        why="A start for which the system has no memory ends the whole gateway",
    ),
    Fault(
        file="gateway/fronts/back_off.py",
        old="                self._short = 0\n",
        new="",
        test=_BACK_OFF + "test_a_steady_life_forgets_all_failures_before_it",
        why="Pauses grow with all restarts of a gateway's life",
    ),
    Fault(
        file="gateway/fronts/back_off.py",
        old="if self._clock() - self._ready_at >= STEADY_S:",
        new="if True:",
        test=_BACK_OFF + "test_a_child_that_dies_just_after_it_served_waits_ever_longer",
        why="A child that dies just after it served is started again and again without a pause",
    ),
    Fault(
        file="gateway/fronts/group.py",
        old="        self._behind.update(silent)\n",
        new="",
        test=_PAGES + "test_a_front_that_did_not_hear_is_named_and_told_once_it_answers",
        why="A front that hung during an undrain never sends the worker requests again",
    ),
    Fault(
        file="gateway/fronts/pages.py",
        old="{quote(request.path_params['id'], safe='')}",
        new="{request.path_params['id']}",
        test=_PAGES + "test_what_a_client_asks_becomes_no_other_question",
        why="A request's id leads to another page, and to a 500",
    ),
    Fault(
        file="gateway/admin/commands/command.py",
        old='answer.get("not_heard", ())',
        new="()",
        test=_PAGES + "test_a_command_names_the_front_that_did_not_hear",
        why="lengthwise drain says that it is done, and one front goes on as before",
    ),
    Fault(
        file="gateway/remote_scheduler/command.py",
        old="signal.signal(number, signal.SIG_IGN)",
        new="signal.getsignal(number)",
        test=_SCHEDULER + "test_signals_that_ask_for_a_reload_end_no_scheduler",
        why="SIGHUP ends the scheduler",
    ),
    Fault(
        file="gateway/fronts/share.py",
        old="    check(config, None)\n",
        new="",
        test="tests/gateway/fronts/test_child.py::test_a_reload_refuses_what_the_start_refuses",
        why="A reload accepts what the start refuses",
    ),
    Fault(
        file="gateway/access/shared_table.py",
        old="(os.O_CREAT if make else 0)",
        new="os.O_CREAT",
        test=_TABLE + "test_a_process_that_finds_no_table_makes_no_second_one",
        why="Limits double after the shared table was removed",
    ),
    Fault(
        file="gateway/fronts/private_folder.py",
        old="fcntl.LOCK_EX | fcntl.LOCK_NB",
        new="fcntl.LOCK_UN",
        test="tests/gateway/fronts/test_private_folder.py::"
        "test_folders_that_nobody_holds_are_removed_and_no_others",
        why="A start removes the folder of another gateway that runs",
    ),
)
