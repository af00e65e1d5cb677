"""Reads a YAML file, and remembers the line of every setting for error texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.config.errors import ConfigError, Location, field_of
from gateway.config.file_text import read_text
from gateway.config.yaml_values import compose, construct, fault_of

_VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}")
"""What tools that fill files in would have replaced."""


def parse_yaml(path: Path, source: str) -> tuple[Any, yaml.Node | None]:
    """The file's content, as values and as nodes with line numbers.

    ``source`` is the setting or the flag that names the file.

    Raises:
        ConfigError: the file cannot be read, or is not YAML.
    """
    text = read_text(path, source)
    try:
        return construct(compose(text)), compose(text)  # the values' nodes are changed by merges
    except yaml.YAMLError as error:
        line, fault = fault_of(error)
        place = f"{path}:{line}" if line else str(path)
        raise ConfigError(f"{place}: not valid YAML: {fault}") from None


def places(
    path: Path, node: yaml.Node | None, location: Location
) -> Iterator[tuple[Location, str]]:
    """The place (file and line) of each setting in the node, which stands at ``location``.

    Raises:
        ConfigError: a setting is given twice, or a value was to be filled in.
    """
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            place = f"{path}:{key.start_mark.line + 1}"
            inner = (*location, key.value)
            if key.value in names:
                field = field_of(inner)
                raise ConfigError(f"{place}: {field}: is given twice. Remove one of the two.")
            names.add(key.value)
            yield inner, place
            yield from places(path, value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*location, index), f"{path}:{item.start_mark.line + 1}"
            yield from places(path, item, (*location, index))
    elif isinstance(node, yaml.ScalarNode):
        _check_filled_in(f"{path}:{node.start_mark.line + 1}", node.value, location)


def _check_filled_in(place: str, text: str, location: Location) -> None:
    """Refuse what would be taken literally, or would fail far from here.

    Raises:
        ConfigError: the text has a variable such as ${KEY}, or a NUL.
    """
    if found := _VARIABLE.search(text):
        raise ConfigError(
            f"{place}: {field_of(location)}: holds ${{{found[1]}}}, and the gateway replaces no "
            "variables in its file. Write the value, or fill the file in before, as with envsubst; "
            "the variable LENGTHWISE_A_B gives the setting a.b."
        )
    if "\0" in text:
        raise ConfigError(f"{place}: {field_of(location)}: holds the character NUL. Remove it.")
