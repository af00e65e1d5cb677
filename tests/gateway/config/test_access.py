"""The section ``access``: keys of the environment, groups, and errors that show no key."""

from __future__ import annotations

import pytest

from gateway.config.access import Access, Rights
from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from gateway.serve.redaction import secrets_of
from tests.gateway.config.loading import Load

KEY = "a-secret-of-some-length"


def test_a_variable_holds_the_key_of_the_holder_in_its_name() -> None:
    env = {"LENGTHWISE_ACCESS_KEY_ALICE": f" {KEY}\n", "LENGTHWISE_ACCESS_KEY_B_1": "1" * 20}
    access = load_config(None, env=env).access
    keys = {name: key.get_secret_value() for name, key in (access.api_keys or {}).items()}
    assert keys == {"alice": KEY, "b_1": "1" * 20}
    assert KEY not in repr(access)
    assert KEY in list(secrets_of(access))


def test_a_variable_overrides_the_file_for_its_holder_alone(load: Load) -> None:
    text = f"access:\n  api_keys:\n    alice: {'x' * 20}\n    bob: {'y' * 20}\n"
    access = load(text, env={"LENGTHWISE_ACCESS_KEY_ALICE": KEY}).access
    keys = {name: key.get_secret_value() for name, key in (access.api_keys or {}).items()}
    assert keys == {"alice": KEY, "bob": "y" * 20}


def test_a_variable_counts_where_the_file_says_that_there_is_no_key(load: Load) -> None:
    env = {"LENGTHWISE_ACCESS_KEY_ALICE": KEY}
    assert load("access:\n  api_keys: null\n", env=env).access.api_keys


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"LENGTHWISE_ACCESS_KEY_ALICE": "a-secret"}, "LENGTHWISE_ACCESS_KEY_ALICE"),
        ({"LENGTHWISE_ACCESS_KEY_ALICE": KEY + "\n" + KEY}, "line break"),
        ({"LENGTHWISE_ACCESS_KEY_FILE": f"/{KEY}"}, "LENGTHWISE_ACCESS_KEYS_FILE"),
        ({"LENGTHWISE_ACCESS_KEY_": KEY}, "LENGTHWISE_ACCESS_KEY_"),
        ({"LENGTHWISE_ACCESS_API_KEYS": f"[{KEY}]"}, "LENGTHWISE_ACCESS_API_KEYS"),
        ({"LENGTHWISE_ACCESS_API_KEYS": f"{{a b: {KEY}}}"}, "LENGTHWISE_ACCESS_API_KEYS"),
        ({"LENGTHWISE_ACCESS_DEFAULT_GROUP": "team"}, "no group has this name"),
        ({"LENGTHWISE_ACCESS_GROUPS": "[{name: a}, {name: a}]"}, "the same name"),
        ({"LENGTHWISE_ACCESS_GROUPS": "[{name: a, wieght: 1}]"}, "Did you mean weight"),
    ],
)
def test_what_is_wrong_is_named_and_no_key_shown(env: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(None, env=env)
    assert told in str(raised.value)
    assert "a-secret" not in str(raised.value)


def test_own_rights_go_before_those_of_the_group() -> None:
    group = Rights(weight=2.0, max_tokens=10, models=("a",))
    assert Rights(max_tokens=5, urgency=0).over(group) == Rights(
        weight=2.0, max_tokens=5, models=("a",), urgency=0
    )
    assert Access().groups == ()
