"""Reads a YAML file, and remembers the line of every setting for error texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.config.errors import ConfigError, Location


def parse_yaml(path: Path, source: str) -> tuple[Any, yaml.Node | None]:
    """The file's content, as values and as nodes with line numbers.

    ``source`` is the setting or the flag that names the file.

    Raises:
        ConfigError: the file cannot be read, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}. Check {source}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: the date 2020-13-45
        raise ConfigError(_yaml_fault(path, error)) from None


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
