"""The configuration: what is accepted, and that every error names place, field and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from gateway.config.errors import ConfigError, Location
from gateway.config.load import load_config
from gateway.config.scheduling import Scheduling
from gateway.config.settings import Config
from scheduler.policy import POLICIES

Load = Callable[..., Config]

SECRET = "sk-do-not-show"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lengthwise.yaml"


@pytest.fixture
def load(path: Path) -> Load:
    """Reads a configuration from its text."""

    def load(
        text: str,
        env: Mapping[str, str] | None = None,
        flags: Mapping[Location, object] | None = None,
    ) -> Config:
        path.write_text(text, encoding="utf-8")
        return load_config(path, env=env or {}, flags=flags)

    return load


def refusal(load: Load, *args: object) -> str:
    """The message with which a configuration is refused."""
    with pytest.raises(ConfigError) as error:
        load(*args)
    return str(error.value)


# What is accepted


def test_without_a_file_every_setting_has_its_default() -> None:
    assert load_config(None, env={}) == Config()


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
def test_an_empty_file_leaves_the_defaults(load: Load, text: str) -> None:
    assert load(text) == Config()


def test_a_file_changes_what_it_names_and_nothing_else(load: Load) -> None:
    config = load("queue:\n  max_waiting: 7\nscheduling: {policy: fcfs}\n")
    assert (config.queue.max_waiting, config.scheduling.policy) == (7, "fcfs")
    assert config.queue.timeout_s == Config().queue.timeout_s
    assert config.listen == Config().listen


def test_workers_keep_their_order_and_their_settings(load: Load) -> None:
    config = load(
        "workers:\n"
        "  - url: http://gpu-1:8000\n"
        "    max_num_seqs: 64\n"
        "  - {url: 'https://gpu-2', kv_tokens: 5000}\n"
    )
    assert [str(w.url) for w in config.workers] == ["http://gpu-1:8000/", "https://gpu-2/"]
    assert [w.max_num_seqs for w in config.workers] == [64, None]
    assert [w.kv_tokens for w in config.workers] == [None, 5000]


def test_the_configuration_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().listen.port = 1  # type: ignore[misc]


def test_every_policy_can_be_configured_and_no_other() -> None:
    assert set(get_args(Scheduling.model_fields["policy"].annotation)) == set(POLICIES)


def test_every_setting_is_documented() -> None:
    undocumented = [
        f"{section}.{name}"
        for section, group in Config.model_fields.items()
        if section != "workers"
        for name, field in type(group.default).model_fields.items()
        if not field.description and (section, name) != ("listen", "host")
    ]
    assert undocumented == []


# The environment and flags


def test_the_environment_overrides_the_file(load: Load) -> None:
    env = {"LENGTHWISE_QUEUE_MAX_WAITING": "9", "LENGTHWISE_SCHEDULING_SEND_PRIORITY": "false"}
    config = load("queue: {max_waiting: 7, timeout_s: 3}\n", env)
    assert (config.queue.max_waiting, config.queue.timeout_s) == (9, 3)
    assert config.scheduling.send_priority is False


def test_the_environment_works_without_a_file() -> None:
    assert load_config(None, env={"LENGTHWISE_LISTEN_HOST": "0.0.0.0"}).listen.host == "0.0.0.0"


def test_workers_can_be_given_in_the_environment(load: Load) -> None:
    env = {"LENGTHWISE_WORKERS": "[url: http://gpu-1:8000, {url: http://gpu-2, kv_tokens: 5}]"}
    config = load("workers:\n- url: http://other\n", env)
    assert [w.url.host for w in config.workers] == ["gpu-1", "gpu-2"]
    assert config.workers[1].kv_tokens == 5


def test_flags_override_the_environment(load: Load) -> None:
    env = {"LENGTHWISE_LISTEN_PORT": "2"}
    assert load("listen: {port: 1}\n", env, {("listen", "port"): 3}).listen.port == 3


@pytest.mark.parametrize(
    "name",
    ["LENGTHWISE_PORT", "LENGTHWISE_PORT_8080_TCP", "LENGTHWISE_SERVICE_HOST", "LISTEN_PORT"],
)
def test_variables_that_name_no_setting_are_left_alone(load: Load, name: str) -> None:
    # Kubernetes sets such for a service called lengthwise.
    assert load("", {name: "tcp://10.0.0.1:8080"}) == Config()


def test_a_variable_at_fault_is_named(load: Load) -> None:
    message = refusal(load, "listen:\n  port: 80\n", {"LENGTHWISE_LISTEN_PORT": "http"})
    assert message.startswith("environment variable LENGTHWISE_LISTEN_PORT: listen.port: ")
    assert "valid integer" in message
    assert "'http'" in message


def test_a_variable_that_is_not_yaml_is_named(load: Load) -> None:
    message = refusal(load, "", {"LENGTHWISE_WORKERS": "[url: http://gpu-1"})
    assert message.startswith("environment variable LENGTHWISE_WORKERS: ")
    assert "not valid YAML" in message


def test_a_flag_at_fault_is_named(load: Load) -> None:
    message = refusal(load, "", {}, {("listen", "port"): 70_000})
    assert message.startswith("flag --port: listen.port: ")


# What is refused: the line, the field, what was given, what to do


def _known(more: str) -> str:
    return f"tenants:\n  known:\n  - {{name: a, api_key: {SECRET}, {more}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "complaint"),
    [
        ("queue:\n  # how many\n  max_wating: 7\n", 3, "queue.max_wating", "mean max_waiting?"),
        ("lisen:\n  port: 1\n", 1, "lisen", "Did you mean listen?"),
        ("listen:\n  zzz: 1\n", 2, "listen.zzz", "Known here: host, port, keep_alive_s."),
        ("workers:\n- url: http://a\n  urls: 1\n", 3, "workers.0.urls", "Did you mean url?"),
        ("listen:\n  port: many\n", 2, "listen.port", "integer, unable to parse"),
        ("listen:\n  port: 80.5\n", 2, "listen.port", "(got 80.5)"),
        ("listen:\n  port: [80]\n", 2, "listen.port", "(got [80])"),
        ("\nlisten:\n  host: 5\n", 3, "listen.host", "valid string (got 5)"),
        ("predictor:\n  enabled: perhaps\n", 2, "predictor.enabled", "(got 'perhaps')"),
        ("listen: 8080\n", 1, "listen", "(got 8080)"),
        ("scheduling:\n  policy: lifo\n", 2, "scheduling.policy", "or 'slo' (got 'lifo')"),
        ("scheduling: {kv_overflow: 0.6}\n", 1, "scheduling.kv_overflow", "to 0.5 (got 0.6)"),
        ("scheduling: {affinity: sticky}\n", 1, "scheduling.affinity", "(got 'sticky')"),
        ("discovery:\n  dns: http://a:1\n", 2, "discovery.dns", "host:port, as in"),
        ("discovery: {dns: vllm}\n", 1, "discovery.dns", "(got 'vllm')"),
        ("discovery: {dns: 'a..b:80'}\n", 1, "discovery.dns", "(got 'a..b:80')"),
        ("discovery: {dns: 'a:99999'}\n", 1, "discovery.dns", "(got 'a:99999')"),
        ("discovery: {dns: 'a b:80'}\n", 1, "discovery.dns", "(got 'a b:80')"),
        ("workers: [{url: http://a, speed: 0}]\n", 1, "workers.0.speed", "(got 0)"),
        (_known("weight: 0"), 3, "tenants.known.0.weight", "to 0.001 (got 0)"),
        (_known("urgency: 0.5"), 3, "tenants.known.0.urgency", "(got 0.5)"),
        (_known("name: a b"), 3, "tenants.known.0.name", "is given twice"),
        (_known("wieght: 2"), 3, "tenants.known.0.wieght", "mean weight?"),
        ("tenants:\n  known: [{name: a}]\n", 2, "tenants.known.0.api_key", "is missing. Add it."),
        ("tenants:\n  max_waiting: 5\n", 1, "tenants", "is 5 and fair false: set fair to true"),
        ("listen:\n  port: 65536\n", 2, "listen.port", "less than or equal to 65535 (got 65536)"),
        ("queue:\n  timeout_s: 0\n", 2, "queue.timeout_s", "greater than 0 (got 0)"),
        ("health:\n  interval_s: .nan\n", 2, "health.interval_s", "(got nan)"),
        ("requests: {retries: -1}\n", 1, "requests.retries", "or equal to 0 (got -1)"),
        ("workers: http://a\n", 1, "workers", "(got 'http://a')"),
        ("workers:\n- url: http://a\n- http://b\n", 3, "workers.1", "(got 'http://b')"),
        ("workers:\n- url: http://a\n- url: gpu\n", 3, "workers.1.url", "valid URL"),
        ("workers:\n- url: ftp://a\n", 2, "workers.0.url", "'http' or 'https' (got 'ftp://a')"),
        ("workers:\n- url: http://a\n- kv_tokens: 5\n", 3, "workers.1.url", "is missing. Add it."),
        ("queue: {max_waiting: 1}\n\nqueue: {}\n", 3, "queue", "is given twice. Remove one"),
        ("listen:\n  port: 1\n  port: 2\n", 3, "listen.port", "is given twice. Remove one"),
    ],
)
def test_an_error_names_line_field_fault_and_remedy(
    load: Load, path: Path, text: str, line: int, field: str, complaint: str
) -> None:
    message = refusal(load, text)
    assert message.startswith(f"{path}:{line}: {field}: ")
    assert complaint in message
    assert message.endswith((".", "?")), "the message ends with what to do"


@pytest.mark.parametrize("same", ["name", "api_key"])
def test_two_tenants_need_names_and_keys_of_their_own(load: Load, same: str) -> None:
    one = {"name": "a", "api_key": SECRET}
    two = {**{"name": "b", "api_key": "another"}, same: one[same]}
    message = refusal(load, f"tenants:\n  known: {json.dumps([one, two])}\n")
    assert f"two of known have the same {same}: give each its own" in message
    assert SECRET not in message


def test_a_wrong_value_points_to_where_its_meaning_is_told(load: Load) -> None:
    message = refusal(load, "listen: {port: many}\n")
    assert message.endswith("See deploy/lengthwise.yaml for its meaning.")


def test_all_errors_are_told_at_once(load: Load, path: Path) -> None:
    message = refusal(load, "listen:\n  port: -1\nqueue:\n  max: 1\n")
    first, second = message.splitlines()
    assert first.startswith(f"{path}:2: listen.port: ")
    assert second.startswith(f"{path}:4: queue.max: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("listen: [8080\nqueue: {}\n", 2),
        ("listen:\n\tport: 1\n", 2),
        ("listen: a: b\n", 1),
        ("listen: {}\n---\nqueue: {}\n", 2),
        ("listen: *nowhere\n", 1),
        ("listen:\n  host: 'open\n", 3),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(
    load: Load, path: Path, text: str, line: int
) -> None:
    message = refusal(load, text)
    assert message.startswith(f"{path}:{line}: not valid YAML: ")
    assert message.endswith("Check indentation and quotes there.")


@pytest.mark.parametrize("text", ["- listen\n", "listen\n", "5\n", "[]\n"])
def test_a_file_that_is_no_mapping_is_refused(load: Load, path: Path, text: str) -> None:
    message = refusal(load, text)
    assert message.startswith(f"{path}:1: must be a mapping")
    assert message.endswith("as in deploy/lengthwise.yaml.")


def test_a_file_that_is_no_utf_8_is_refused(path: Path) -> None:
    path.write_bytes("listen: {host: é}\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="not valid YAML: 'utf-8' codec can't decode"):
        load_config(path, env={})


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(path, env={})
    assert str(error.value) == f"{path}: cannot be read: No such file or directory. Check --config."


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*\. Check --config\.$"):
        load_config(tmp_path, env={})


# Secrets


def test_a_key_is_read_and_not_shown(load: Load) -> None:
    config = load(f"workers:\n- url: http://a\n  api_key: {SECRET}\n")
    key = config.workers[0].api_key
    assert key is not None
    assert key.get_secret_value() == SECRET
    for shown in (repr(config), str(config), config.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"workers:\n- url: http://a\n  api_key: [{SECRET}]\n",
        f"workers:\n- url: http://a\n  api_key: {{{SECRET}: 1}}\n",
        f"workers:\n- url: http://a\n  api_kye: {SECRET}\n",
        f"workers:\n- api_key: {SECRET}\n",
        f"workers:\n- url: gpu\n  api_key: {SECRET}\n",
        f"workers: {{url: 'http://a', api_key: {SECRET}}}\n",
        f"workers:\n- url: http://a\n  api_key: {SECRET}\n  api_key: {SECRET}\n",
        f"workers:\n- url: http://a\n  api_key: '{SECRET}\n",
        f"tenants: {{known: [{SECRET}]}}\n",
        f"tenants: {{known: {SECRET}}}\n",
        f"tenants: {{known: {{{SECRET}: 1}}}}\n",
        f"tenants: {{known: [{{name: a, key: {SECRET}}}]}}\n",
        f"tenants: {{known: [{{name: a, api_key: [{SECRET}]}}]}}\n",
        f"discovery: {{api_key: [{SECRET}]}}\n",
    ],
)
def test_an_error_does_not_show_a_key(load: Load, text: str) -> None:
    message = refusal(load, text)
    assert SECRET not in message
    assert re.search("workers|tenants.known|discovery.api_key|not valid YAML", message)


def test_a_number_for_a_key_is_refused_without_showing_it(load: Load) -> None:
    message = refusal(load, "workers:\n- url: http://a\n  api_key: 8888777\n")
    assert "workers.0.api_key" in message
    assert "8888777" not in message


@pytest.mark.parametrize("text", ["listen:\n  host: 2020-13-45\n", "a: " + "[" * 5000])
def test_what_yaml_chokes_on_is_a_configuration_error(load: Load, text: str) -> None:
    assert "not valid YAML" in refusal(load, text)


def test_a_list_given_in_the_environment_is_not_blamed_on_the_file(load: Load) -> None:
    text = "workers:\n- url: http://a\n"
    message = refusal(load, text, {"LENGTHWISE_WORKERS": "[{url: nope}]"})
    assert message.startswith("environment variable LENGTHWISE_WORKERS: workers.0.url: ")


@pytest.mark.parametrize(
    "value",
    ["[{url: http://a, api_key: s3cret}", "'[{url: http://a, api_key: s3cret}]'"],
    ids=["open bracket", "quoted twice"],
)
def test_a_variable_at_fault_does_not_show_a_key(load: Load, value: str) -> None:
    assert "s3cret" not in refusal(load, "", {"LENGTHWISE_WORKERS": value})


@pytest.mark.parametrize("setting", ["DISCOVERY_API_KEY", "TENANTS_KNOWN"])
@pytest.mark.parametrize("value", ["[s3cret", "{s3cret: 1}", "[s3cret]"])
def test_a_variable_that_is_a_key_is_not_shown(load: Load, setting: str, value: str) -> None:
    message = refusal(load, "", {f"LENGTHWISE_{setting}": value})
    assert f"LENGTHWISE_{setting}" in message
    assert "s3cret" not in message


def test_a_list_in_a_list_does_not_show_a_key(load: Load) -> None:
    text = "workers:\n  - - url: http://a\n      api_key: s3cret\n"
    assert "s3cret" not in refusal(load, text, {})


@pytest.mark.parametrize("text", ["listen:\n", "workers:\nlisten:\n  # port: 1\n"])
def test_a_section_with_nothing_in_it_keeps_its_defaults(load: Load, text: str) -> None:
    assert load(text) == Config()
    assert load(text, {"LENGTHWISE_LISTEN_PORT": "81"}).listen.port == 81
