"""The environment and flags, over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.errors import Location
from gateway.config.load import load_config
from gateway.config.settings import Config
from tests.gateway.config.loading import KEYS, Load, refusal


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
    [
        "LENGTHWISE_PORT",
        "LENGTHWISE_PORT_8080_TCP",
        "LENGTHWISE_PORT_8080_TCP_ADDR",
        "LENGTHWISE_SERVICE_HOST",
        "LENGTHWISE_SERVICE_PORT_HTTP",
        "LENGTHWISE_WORKERS_SERVICE_HOST",
        "LENGTHWISE_WORKERS_PORT",
        "LISTEN_PORT",
    ],
)
def test_variables_that_name_no_setting_are_left_alone(load: Load, name: str) -> None:
    # Kubernetes sets such for a service called lengthwise.
    assert load("", {name: "tcp://10.0.0.1:8080"}) == Config()


@pytest.mark.parametrize(
    "text",
    [
        "http://gpu-1:8000,http://gpu-2",
        "http://gpu-1:8000 http://gpu-2",
        "http://gpu-1:8000, http://gpu-2",
    ],
)
def test_workers_can_be_given_as_plain_urls(load: Load, text: str) -> None:
    assert [w.url.host for w in load("", {"LENGTHWISE_WORKERS": text}).workers] == [
        "gpu-1",
        "gpu-2",
    ]


@pytest.mark.parametrize(
    ("env", "complaint"),
    [
        ({"LENGTHWISE_WORKERS": ""}, "LENGTHWISE_WORKERS names no worker. Give one, as in"),
        ({"LENGTHWISE_WORKERS": "[]"}, "LENGTHWISE_WORKERS names no worker"),
        ({"LENGTHWISE_WORKERS": "null"}, "LENGTHWISE_WORKERS names no worker"),
        ({"LENGTHWISE_WORKERS": "gpu-1:8000"}, "is no list of URLs (got 'gpu-1:8000')"),
        ({"LENGTHWISE_DISCOVERY_DNS": " "}, "LENGTHWISE_DISCOVERY_DNS is empty"),
        ({"LENGTHWISE_DISCOVERY_FILE": ""}, "LENGTHWISE_DISCOVERY_FILE is empty"),
        ({"LENGTHWISE_LISTEN_PORT": ""}, "LENGTHWISE_LISTEN_PORT is empty. Give a value, or unset"),
        ({"LENGTHWISE_WORKER": "http://a"}, "Did you mean LENGTHWISE_WORKERS?"),
        ({"LENGTHWISE_WORKES": "http://a"}, "Did you mean LENGTHWISE_WORKERS?"),
        ({"LENGTHWISE_BACKEND_URL": "http://a"}, "Did you mean LENGTHWISE_WORKERS?"),
        ({"LENGTHWISE_PORT": "9000"}, "Did you mean LENGTHWISE_LISTEN_PORT?"),
        ({"LENGTHWISE_POLICY": "fcfs"}, "Did you mean LENGTHWISE_SCHEDULING_POLICY?"),
        ({"LENGTHWISE_QUEUE_TIMEOUT": "1"}, "Did you mean LENGTHWISE_QUEUE_TIMEOUT_S?"),
    ],
)
def test_an_empty_or_misspelt_variable_is_refused_with_what_to_type(
    load: Load, env: dict[str, str], complaint: str
) -> None:
    message = refusal(load, "", env)
    assert message.startswith(f"environment variable {next(iter(env))}")
    assert complaint in message


def test_an_empty_variable_that_a_flag_overrides_does_no_harm(load: Load) -> None:
    env = {"LENGTHWISE_WORKERS": "", "LENGTHWISE_LISTEN_PORT": ""}
    flags: dict[Location, object] = {("workers",): [{"url": "http://a"}], ("listen", "port"): 1}
    assert load("", env, flags).listen.port == 1


def test_an_empty_list_of_workers_in_the_file_is_refused(load: Load, path: Path) -> None:
    message = refusal(load, "listen: {port: 1}\nworkers: []\n")
    assert message.startswith(f"{path}:2: workers: names no worker. Add one")


def test_a_variable_far_from_every_setting_is_told_and_ignored(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    assert load("", {"LENGTHWISE_IMAGE_TAG": "7"}) == Config()
    assert "LENGTHWISE_IMAGE_TAG names no setting" in caplog.text


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


@pytest.mark.parametrize("key", [*KEYS, "null", "~", "[a", "{a: 1}", "*a", "'a'", "a: b", "# a"])
def test_a_key_in_a_variable_is_taken_as_it_stands(load: Load, key: str) -> None:
    config = load("", {"LENGTHWISE_DISCOVERY_API_KEY": key + "\n"})
    assert config.discovery.api_key is not None
    assert config.discovery.api_key.get_secret_value() == key


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_key_in_a_variable_is_none(load: Load, text: str) -> None:
    assert load("", {"LENGTHWISE_DISCOVERY_API_KEY": text}).discovery.api_key is None


@pytest.mark.parametrize("folder", ["2024", "1e5", "a: b", "[x", "true"])
def test_a_path_in_a_variable_is_taken_as_it_stands(load: Load, folder: str) -> None:
    assert load("", {"LENGTHWISE_LEARNING_FOLDER": folder}).learning.folder == Path(folder)


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


@pytest.mark.parametrize("value", ["[s3cret", "{s3cret: 1}", "[s3cret]"])
def test_a_variable_that_is_a_key_is_not_shown(load: Load, value: str) -> None:
    message = refusal(load, "", {"LENGTHWISE_TENANTS_KNOWN": value})
    assert "LENGTHWISE_TENANTS_KNOWN" in message
    assert "s3cret" not in message
