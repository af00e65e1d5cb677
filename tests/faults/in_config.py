"""Faults in the reading, checking and showing of the configuration."""

from __future__ import annotations

from tests.faults.fault import Fault

_CHECK = "tests/gateway/config_command/test_check.py::"
_SHOW = "tests/gateway/config_command/test_show.py::"

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
        file="gateway/config_command/show.py",
        old="            return HIDDEN\n",
        new="            return value.get_secret_value()\n",
        test=f"{_SHOW}test_no_secret_is_shown",
        why="`config show` prints the keys of workers and tenants",
    ),
    Fault(
        file="gateway/config_command/show.py",
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
)
