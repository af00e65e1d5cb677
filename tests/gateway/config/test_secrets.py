"""Keys: text whatever they look like, shown in no error, and on one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from tests.gateway.config.loading import KEYS, SECRET, Load, refusal


@pytest.mark.parametrize("key", ["|\n      a-secret", '"a-secret\\r\\nX: 1"', '"a-secret\\0"'])
@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("workers:\n  - url: http://a\n    api_key: {}\n", "workers.0.api_key"),
        ("discovery:\n    dns: a:80\n    api_key: {}\n", "discovery.api_key"),
        ("tenants:\n  known:\n  - name: a\n    api_key: {}\n", "tenants.known.0.api_key"),
    ],
)
def test_a_key_with_a_line_break_is_refused(
    tmp_path: Path, text: str, field: str, key: str
) -> None:
    path = tmp_path / "lengthwise.yaml"
    path.write_text(text.format(key))
    with pytest.raises(ConfigError) as refused:
        load_config(path, env={})
    assert re.search(f"{field}: (value error, holds a line break|holds .* NUL)", str(refused.value))
    assert "a-secret" not in str(refused.value)
    path.write_text(text.format("a-secret"))
    load_config(path, env={})


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


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_looks_like_something_else_is_text(load: Load, key: str) -> None:
    workers = load(f"workers:\n- url: http://a\n  api_key: {key}\n").workers
    named = load("", {"LENGTHWISE_WORKERS": f"[{{url: http://a, api_key: {key}}}]"}).workers
    tenants = load("", {"LENGTHWISE_TENANTS_KNOWN": f"[{{name: a, api_key: {key}}}]"}).tenants.known
    for found in (workers[0].api_key, named[0].api_key, tenants[0].api_key):
        assert found is not None
        assert found.get_secret_value() == key


def test_a_key_that_is_null_in_a_list_is_none(load: Load) -> None:
    assert load("workers:\n- url: http://a\n  api_key: null\n").workers[0].api_key is None


def test_a_list_in_a_list_does_not_show_a_key(load: Load) -> None:
    text = "workers:\n  - - url: http://a\n      api_key: s3cret\n"
    assert "s3cret" not in refusal(load, text, {})
