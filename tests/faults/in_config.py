"""Faults in the reading, checking and showing of the configuration."""

from __future__ import annotations

from tests.faults.fault import Fault

_CHECK = "tests/gateway/config_command/test_check.py::"
_SHOW = "tests/gateway/config_command/test_show.py::"
_LIVE = "tests/gateway/live_config/test_live_config.py::"
_EFFECTS = "tests/gateway/live_config/test_effects.py::"
_WATCH = "tests/gateway/live_config/test_file_watch.py::"
_EACH = f"{_EFFECTS}test_each_live_setting_takes_effect_and_goes_back"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/config/yaml_values.py",
        old="_size(node, {}) > MOST_NODES",
        new="_size(node, {}) < 0",
        test="tests/gateway/config/test_yaml_values.py::test_an_alias_within_itself_is_refused",
        why="A few lines of aliases in a discovery file fill the memory",
    ),
    Fault(
        file="gateway/config/yaml_file.py",
        old="return construct(compose(text)), compose(text)",
        new="return construct(node := compose(text)), node",
        test="tests/gateway/config/test_load.py::test_a_setting_overrides_one_that_is_merged",
        why="A setting that overrides a merged one is refused as given twice",
    ),
    Fault(
        file="gateway/config/yaml_file.py",
        old="if found := _VARIABLE.search(text):",
        new="if (found := _VARIABLE.search(text)) and not text:",
        test=f"{_CHECK}test_a_broken_file_is_refused_with_line_fault_and_remedy",
        why="A variable that nobody has filled in is sent to a worker as its key",
    ),
    Fault(
        file="gateway/config/yaml_values.py",
        old='if node.tag in _NUMBERS and ":" in node.value:',
        new='if node.tag in _NUMBERS and "::" in node.value:',
        test=f"{_CHECK}test_a_broken_file_is_refused_with_line_fault_and_remedy",
        why="The port 22:22 is read in base 60, and the gateway listens on port 1342",
    ),
    Fault(
        file="gateway/config_command/command.py",
        old="    configured_routes(loaded.config.endpoints)\n",
        new="",
        test=f"{_CHECK}test_what_only_the_start_would_find_is_found",
        why="A file passes the check, and the gateway does not start with it",
    ),
    Fault(
        file="gateway/config/effective.py",
        old="            return HIDDEN\n",
        new="            return value.get_secret_value()\n",
        test=f"{_SHOW}test_no_secret_is_shown",
        why="`config show` prints the keys of workers and tenants",
    ),
    Fault(
        file="gateway/config/effective.py",
        old=" if given else DEFAULT",
        new="",
        test=f"{_SHOW}test_each_setting_is_shown_with_its_place",
        why="A default is shown as if the file gave it",
    ),
    Fault(
        file="gateway/config/worker_url.py",
        old='(f"{scheme}***@{host}" if at else start)',
        new="start",
        test="tests/gateway/serve/test_targets.py::test_no_error_shows_a_password",
        why="An error about a mistyped worker shows its password",
    ),
    Fault(
        file="gateway/live_config/file_watch.py",
        old="        while found != before:\n",
        new="        if found != before:\n",
        test=f"{_WATCH}test_a_change_counts_once_it_has_settled",
        why="A file that is half written is taken for the configuration",
    ),
    Fault(
        file="gateway/live_config/file_watch.py",
        old="state = os.stat(path)",
        new="state = os.lstat(path)",
        test=f"{_WATCH}test_a_config_map_of_kubernetes_is_followed",
        why="A changed ConfigMap of Kubernetes is never taken up",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="        if changed and loaded.empty:\n",
        new="        if changed and not loaded:\n",
        test=f"{_LIVE}test_an_empty_file_is_taken_for_one_that_is_being_written",
        why="An editor that empties the file first puts every setting back to its default",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="new = merged(self.in_force, loaded.config)",
        new="new = loaded.config",
        test=f"{_LIVE}test_what_needs_a_restart_is_named_and_the_rest_takes_effect",
        why="A setting that needs a restart is shown as in force, and is not",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="            self.in_force.take(old)\n",
        new="",
        test=f"{_LIVE}test_a_bug_of_a_part_leaves_all_parts_as_they_were",
        why="After a failure half of the gateway has the new settings, and half the old",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old="        async with self._lock:\n            try:\n",
        new="        if self._lock:\n            try:\n",
        test=f"{_LIVE}test_of_two_reloads_at_a_time_the_one_that_read_last_counts",
        why="A reload that read the file before the last change undoes the one that read it after",
    ),
    Fault(
        file="gateway/live_config/live_config.py",
        old='if {"workers", "discovery"} & ',
        new="if set() & ",
        test=f"{_EFFECTS}test_a_worker_joins_and_another_leaves_after_its_last_request",
        why="Workers that the new file names do not join",
    ),
    Fault(
        file="gateway/live_config/source.py",
        old="        self.path = self.path.absolute()\n",
        new="        pass\n",
        test=f"{_LIVE}test_a_relative_path_stays_the_same_file",
        why="After a change of the working directory another file is read",
    ),
    Fault(
        file="scheduler/scheduler.py",
        old="            self._waiting.rekey_all(policy)\n",
        new="",
        test="tests/scheduler/test_configure.py::test_waiting_jobs_are_ordered_by_the_new_policy",
        why="What waits keeps the keys of the old policy, which the new ones are compared with",
    ),
    Fault(
        file="gateway/live_config/parts.py",
        old="self.endpoint.routes = configured_routes(config.endpoints)",
        new="configured_routes(config.endpoints)",
        test=_EACH,
        why="A path that is allowed now is refused until a restart",
    ),
    Fault(
        file="gateway/workers/fleet.py",
        old="            member.backend.timeout = self._timeout\n",
        new="",
        test=_EACH,
        why="A new time to connect counts for workers that join later alone",
    ),
    Fault(
        file="gateway/serve/reloading.py",
        old="logs.hide(secrets_of(config))",
        new="None",
        test="tests/gateway/serve/test_reloading.py::"
        "test_the_log_and_the_end_follow_the_configuration",
        why="A key that is new in the file may stand in the log",
    ),
    Fault(
        file="gateway/serve/reloading.py",
        old="        signals.on_hangup = hang_up\n",
        new="        pass\n",
        test="tests/gateway/serve/test_reloading.py::"
        "test_a_process_follows_its_file_and_sighup_tells_what_came",
        why="SIGHUP changes nothing",
    ),
)
