"""Reads a YAML file, and remembers the line of every setting for error texts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from gateway.config.errors import ConfigError, Location

MOST_NODES = 200_000
"""Values of a file with its aliases written out: a few lines of aliases can stand for billions."""


def parse_yaml(path: Path, source: str) -> tuple[Any, yaml.Node | None]:
    """The file's content, as values and as nodes with line numbers.

    ``source`` is the setting or the flag that names the file.

    Raises:
        ConfigError: the file cannot be read, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return load_yaml(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}. Check {source}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: the date 2020-13-45
        raise ConfigError(_yaml_fault(path, error)) from None


class _KeysAsText(yaml.SafeLoader):
    """YAML in which an API key is text: 0123, 1e5 and true are keys, too. Only null is none."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for name, value in node.value:
            plain = isinstance(value, yaml.ScalarNode) and value.tag != "tag:yaml.org,2002:null"
            if plain and name.value == "api_key":
                value.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The values of a YAML text; an ``api_key`` is text, whatever it looks like.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: the text is not YAML.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is not None and _size(node, {}) > MOST_NODES:
        problem = f"it stands for more than {MOST_NODES} values by its aliases"
        raise ComposerError(None, None, problem, node.start_mark)
    return yaml.load(text, Loader=_KeysAsText)


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """The values that a node stands for; infinite for one that is within itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        pairs = isinstance(node, yaml.MappingNode)
        inner = chain.from_iterable(node.value) if pairs else node.value
        parts = () if isinstance(node, yaml.ScalarNode) else inner
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _yaml_fault(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error)
    return f"{path}{line}: not valid YAML: {problem}. Check indentation and quotes there."


def places(
    path: Path, node: yaml.Node | None, location: Location
) -> Iterator[tuple[Location, str]]:
    """The place (file and line) of each setting in the node, which stands at ``location``.

    Raises:
        ConfigError: a setting is given twice.
    """
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            place = f"{path}:{key.start_mark.line + 1}"
            inner = (*location, key.value)
            if key.value in names:
                field = ".".join(map(str, inner))
                raise ConfigError(f"{place}: {field}: is given twice. Remove one of the two.")
            names.add(key.value)
            yield inner, place
            yield from places(path, value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*location, index), f"{path}:{item.start_mark.line + 1}"
            yield from places(path, item, (*location, index))
