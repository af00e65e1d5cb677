"""The picture of the architecture in gateway/README.md shows the imports that the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp
import pytest

from gateway.command_line import commands

README = Path(__file__).parent.parent / "gateway" / "README.md"
PACKAGES = ("scheduler", "predictor", "gateway")

Arrows = Mapping[str, set[str]]
"""Node -> the nodes that it imports."""

_SPECIAL = {
    "the package itself": "{package}.__init__",
    "all other modules": "{package}",
}
"""Labels that are no module's name."""

_SUBGRAPH = re.compile(r"subgraph (\w+)")
_NODE = re.compile(r'(\w+)\["([^"]+)"\]')
_ARROW = re.compile(r"(\w+) --> ([\w &]+)")


def picture() -> str:
    """The first Mermaid flowchart of the README."""
    found = re.search(r"```mermaid\n(flowchart.*?)```", README.read_text(), re.DOTALL)
    assert found, f"{README} has no Mermaid flowchart"
    return found[1]


def nodes(text: str) -> dict[str, str]:
    """Module or package -> the node that stands for it and for everything inside it.

    A node's label lists names inside its subgraph's package, or is one of the labels above.
    """
    package, shown = "", {}
    for line in text.splitlines():
        if begins := _SUBGRAPH.search(line):
            package = begins[1]
        elif drawn := _NODE.search(line):
            node, label = drawn.groups()
            for name in label.split(", "):
                shown[_SPECIAL.get(name, f"{{package}}.{name}").format(package=package)] = node
    return shown


def drawn_arrows(text: str) -> set[tuple[str, str]]:
    """Every arrow of the picture, ``a --> b & c`` as two."""
    return {
        (drawn[1], target)
        for drawn in _ARROW.finditer(text)
        for target in drawn[2].strip().split(" & ")
    }


def node_of(module: str, shown: Mapping[str, str]) -> str | None:
    """The node of the longest name that contains the module."""
    if module in PACKAGES and f"{module}.__init__" in shown:
        return shown[f"{module}.__init__"]
    parts = module.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((shown[prefix] for prefix in prefixes if prefix in shown), None)


def imports(graph: grimp.ImportGraph, shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every import between two nodes."""
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = node_of(module, shown), node_of(imported, shown)
            if one is not None and other is not None and one != other:
                yield one, other


def reachable(node: str, arrows: Arrows) -> set[str]:
    """Every node that some path of arrows leads to."""
    seen: set[str] = set()
    queue = [node]
    while queue:
        new = arrows.get(queue.pop(), set()) - seen
        seen |= new
        queue += new
    return seen


def without_shortcuts(arrows: Arrows) -> set[tuple[str, str]]:
    """The arrows that no longer path replaces (the transitive reduction)."""
    return {
        (node, target)
        for node, targets in arrows.items()
        for target in targets
        if not any(target in reachable(other, arrows) for other in targets - {target})
    }


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom in the three packages; subcommands are imported by name as they are used."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    for command in commands.COMMANDS.values():
        for place in (command.flags, command.function):
            graph.add_import(importer=commands.__name__, imported=place.partition(":")[0])
    return graph


@pytest.fixture(scope="module")
def real_arrows(graph: grimp.ImportGraph) -> Arrows:
    """The imports between the nodes of the picture."""
    arrows: dict[str, set[str]] = {}
    for node, target in imports(graph, nodes(picture())):
        arrows.setdefault(node, set()).add(target)
    return arrows


def test_every_module_has_a_place_in_the_picture(graph: grimp.ImportGraph) -> None:
    shown = nodes(picture())
    empty = {module for module in PACKAGES if f"{module}.__init__" not in shown}
    homeless = {module for module in graph.modules - empty if node_of(module, shown) is None}
    assert not homeless, f"add to a node of the picture in {README}: {sorted(homeless)}"


def test_every_name_in_the_picture_is_a_module(graph: grimp.ImportGraph) -> None:
    named = {name.removesuffix(".__init__") for name in nodes(picture())}
    assert named <= graph.modules, f"no longer in the code: {sorted(named - graph.modules)}"


def test_no_wing_imports_in_a_circle(real_arrows: Arrows) -> None:
    circles = [node for node in real_arrows if node in reachable(node, real_arrows)]
    assert not circles


def test_the_arrows_are_the_imports(real_arrows: Arrows) -> None:
    drawn, real = drawn_arrows(picture()), without_shortcuts(real_arrows)
    missing = sorted(f"{node} --> {target}" for node, target in real - drawn)
    surplus = sorted(f"{node} --> {target}" for node, target in drawn - real)
    assert not missing, f"draw in {README}: {missing}; and remove: {surplus}"
    assert not surplus, f"remove from {README}: {surplus}"
