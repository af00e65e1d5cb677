"""The layout of the packages: short files, short functions, no import circle, mirrored tests."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path
from statistics import median

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("scheduler", "predictor", "gateway")
OWN_DIRECTORIES = {"bench", "chaos", "deploy", "faults", "fuzz", "vllm"}
"""Test directories that belong to no package."""

MOST_LINES = 250
FILE_MEDIAN = (60, 120)
FUNCTION_MEDIAN = 8
FUNCTION_P90 = 20
MOST_ROOT_FILES = 10


def modules(package: str) -> list[Path]:
    """The Python files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def function_lengths(package: str) -> list[tuple[int, str]]:
    """(lines, place) of each function, methods and nested functions included, ascending."""
    lengths = []
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                lengths.append((node.end_lineno - node.lineno + 1, place))
    return sorted(lengths)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long(package: str) -> None:
    long = {
        str(path): lines for path in modules(package) if (lines := line_count(path)) > MOST_LINES
    }
    assert not long, f"split these files, at most {MOST_LINES} lines each"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_median_file_is_neither_a_fragment_nor_a_room_for_two_subjects(package: str) -> None:
    files = [path for path in modules(package) if path.name != "__init__.py"]
    least, most = FILE_MEDIAN
    assert least <= median(map(line_count, files)) <= most


@pytest.mark.parametrize("package", PACKAGES)
def test_most_functions_are_short(package: str) -> None:
    lengths = function_lengths(package)
    assert median(lines for lines, _ in lengths) <= FUNCTION_MEDIAN
    tenth = lengths[int(0.9 * len(lengths)) :]
    assert tenth[0][0] <= FUNCTION_P90, f"shorten some of {tenth}"


@pytest.mark.parametrize("package", ["gateway", "predictor"])
def test_the_root_of_a_package_holds_few_files(package: str) -> None:
    files = [path.name for path in (ROOT / package).iterdir() if path.is_file()]
    assert len(files) <= MOST_ROOT_FILES, f"move some of {sorted(files)} into a wing"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(error.args[1])}")


def test_every_test_directory_mirrors_a_package() -> None:
    directories = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    for directory in directories - {ROOT / "tests"}:
        mirrored = directory.relative_to(ROOT / "tests")
        if mirrored.parts[0] not in OWN_DIRECTORIES:
            assert (ROOT / mirrored / "__init__.py").is_file(), f"there is no package {mirrored}"
