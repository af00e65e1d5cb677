"""The values of a YAML text: what people who write settings mean, within bounds of size."""

from __future__ import annotations

import math
import re
from itertools import chain
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.scanner import ScannerError

MOST_NODES = 200_000
"""Values of a file with its aliases written out: a few lines of aliases can stand for billions."""

_STANDARD = "tag:yaml.org,2002:"
_TEXT = f"{_STANDARD}str"
_NUMBERS = {f"{_STANDARD}int", f"{_STANDARD}float"}
_REMEDIES = (
    (r"'\\t'", "Indent with spaces instead of tabs"),
    ("constructor for the tag", "Remove the tag: values are plain"),
    ("another document", "Remove the line ---: a file holds one document"),
    ("undefined alias", "Define the anchor before, or put quotes around text that begins with *"),
    ("duplicate anchor", "Give each anchor its own name"),
    ("values by its aliases", "Write the values out instead of aliases"),
    ("too deep", "Remove brackets or indentation"),
    ("mapping values are not", "Check the indentation there, and put quotes around text with ': '"),
    ("unhashable key", "Names of settings are text: put quotes around braces and brackets"),
    ("for merging", "After << comes an alias of a group of settings"),
    ("cannot start any token", "Put quotes around the value"),
)
_KEYS = ("api_key", "token")
_ELSE = "Check indentation and quotes there"


class _Values(yaml.SafeLoader):
    """YAML in which names of settings and API keys are text: 0123, 1e5, on and true, too.

    A key that is null is none. A number in base 60, as YAML reads 22:22, is text as well.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.tag != f"{_STANDARD}merge":
                name.tag = _TEXT
            if name.value in _KEYS and _plain(value):
                value.tag = _TEXT
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and ":" in node.value:
            node.tag = _TEXT
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # the date 2020-13-45, a number of 5,000 digits
            problem = str(error).partition(";")[0]
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _plain(node: yaml.Node) -> bool:
    """Whether a node is a scalar with a value and without a tag of its own."""
    own = not node.tag.startswith(_STANDARD)
    return isinstance(node, yaml.ScalarNode) and not own and node.tag != f"{_STANDARD}null"


def compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML text, with their lines.

    Raises:
        yaml.YAMLError: the text is not YAML, is nested too deeply, or stands for too many values.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None and _size(node, {}) > MOST_NODES:
            problem = f"it stands for more than {MOST_NODES} values by its aliases"
            raise ComposerError(None, None, problem, node.start_mark)
    except RecursionError:
        raise ScannerError(None, None, "it is nested too deep", loader.get_mark()) from None
    finally:
        loader.dispose()
    return node


def load_yaml(text: str) -> Any:
    """The values of a YAML text.

    Raises:
        yaml.YAMLError: the text is not YAML.
    """
    return construct(compose(text))


def construct(node: yaml.Node | None) -> Any:
    """The values of the nodes of a whole YAML text; None for an empty one.

    Raises:
        yaml.YAMLError: a value cannot be what its tag says.
    """
    return None if node is None else _Values("").construct_document(node)


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """The values that a node stands for; infinite for one that is within itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        pairs = isinstance(node, yaml.MappingNode)
        inner = chain.from_iterable(node.value) if pairs else node.value
        parts = () if isinstance(node, yaml.ScalarNode) else inner
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def fault_of(error: yaml.YAMLError) -> tuple[int | None, str]:
    """The line of a fault, if it has one, and what is wrong and what to do."""
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0].removeprefix("but ")
    remedy = next((what for words, what in _REMEDIES if re.search(words, problem)), _ELSE)
    return mark.line + 1 if mark else None, f"{problem}. {remedy}."
