"""YAML files whose aliases stand for more than a file could hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.config.errors import ConfigError
from gateway.config.yaml_file import parse_yaml
from gateway.config.yaml_values import MOST_NODES, load_yaml

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def test_aliases_that_stand_for_millions_of_values_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(LAUGHS, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"more than {MOST_NODES} values.*aliases"):
        parse_yaml(file, "--config")
    with pytest.raises(yaml.YAMLError, match="aliases"):
        load_yaml(LAUGHS)


def test_an_alias_within_itself_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="aliases"):
        load_yaml("a: &a [*a]")


def test_a_few_aliases_are_read() -> None:
    assert load_yaml("a: &a {b: 1}\nc: [*a, *a]") == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}
