"""What is refused: the line, the field, what was given, what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from tests.gateway.config.loading import SECRET, Load, refusal


def _known(more: str) -> str:
    return f"tenants:\n  known:\n  - {{name: a, api_key: {SECRET}, {more}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "complaint"),
    [
        ("queue:\n  # how many\n  max_wating: 7\n", 3, "queue.max_wating", "mean max_waiting?"),
        ("lisen:\n  port: 1\n", 1, "lisen", "Did you mean listen?"),
        (
            "listen:\n  zzz: 1\n",
            2,
            "listen.zzz",
            "Known here: host, port, tls, fronts,",
        ),
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
    ("text", "line", "remedy"),
    [
        ("listen: [8080\nqueue: {}\n", 2, "Check indentation and quotes there."),
        ("listen:\n\tport: 1\n", 2, "Indent with spaces instead of tabs."),
        ("listen: a: b\n", 1, "put quotes around text with ': '."),
        ("listen: {}\n---\nqueue: {}\n", 2, "Remove the line ---: a file holds one document."),
        ("listen: *nowhere\n", 1, "put quotes around text that begins with *."),
        ("listen:\n  host: 'open\n", 3, "Check indentation and quotes there."),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(
    load: Load, path: Path, text: str, line: int, remedy: str
) -> None:
    message = refusal(load, text)
    assert message.startswith(f"{path}:{line}: not valid YAML: ")
    assert message.endswith(remedy)


@pytest.mark.parametrize("text", ["- listen\n", "listen\n", "5\n", "[]\n"])
def test_a_file_that_is_no_mapping_is_refused(load: Load, path: Path, text: str) -> None:
    message = refusal(load, text)
    assert message.startswith(f"{path}:1: must be a mapping")
    assert message.endswith("as in deploy/lengthwise.yaml.")


def test_a_file_that_is_no_utf_8_is_refused(path: Path) -> None:
    path.write_bytes("listen: {host: é}\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=":1: the byte 0xe9 is not UTF-8"):
        load_config(path, env={})


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(path, env={})
    assert str(error.value) == f"{path}: cannot be read: No such file or directory. Check --config."


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*\. Check --config\.$"):
        load_config(tmp_path, env={})


@pytest.mark.parametrize("text", ["listen:\n  host: 2020-13-45\n", "a: " + "[" * 5000])
def test_what_yaml_chokes_on_is_a_configuration_error(load: Load, text: str) -> None:
    assert "not valid YAML" in refusal(load, text)
