"""The list of faults fits the code. Whether they are caught: python -m tests.faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fault import Fault
from tests.faults.faults import FAULTS
from tests.faults.forked import FAILED, HUNG, PASSED
from tests.faults.forked import pytest as pytest_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_can_be_applied_and_changes_the_code(fault: Fault) -> None:
    source = (ROOT / fault.file).read_text(encoding="utf-8")
    faulty = fault.applied_to(source)
    assert faulty != source
    compile(faulty, fault.file, "exec")  # a fault that cannot be imported proves nothing


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_test_of_each_fault_exists(fault: Fault) -> None:
    file, _, name = fault.test.partition("::")
    function = name.partition("[")[0].rpartition("::")[2]
    assert f" {function}(" in (ROOT / file).read_text(encoding="utf-8")


def test_a_fault_whose_text_is_gone_is_refused() -> None:
    fault = Fault("a.py", "x = 1", "x = 2", "tests/a.py::test_x", "x is wrong")
    with pytest.raises(ValueError, match="0 times"):
        fault.applied_to("y = 1\n")
    with pytest.raises(ValueError, match="2 times"):
        fault.applied_to("x = 1\nx = 1\n")


def test_a_test_that_hangs_ends_at_the_limit_and_does_not_count_as_noticed(tmp_path: Path) -> None:
    (tmp_path / "test_hangs.py").write_text("def test_x():\n    while True:\n        pass\n")
    assert pytest_run(tmp_path, ["test_hangs.py"], 1.0).code == HUNG


def test_a_test_that_fails_counts_as_noticed_though_its_fixtures_hang(tmp_path: Path) -> None:
    (tmp_path / "test_fails.py").write_text(
        "import pytest\n@pytest.fixture\ndef slow():\n    yield\n    while True:\n        pass\n"
        "def test_x(slow):\n    assert not slow is None\n"
    )
    assert pytest_run(tmp_path, ["test_fails.py"], 10.0).code == FAILED


def test_a_run_sees_the_tree_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "__init__.py").write_text("HERE = True\n")
    (tmp_path / "test_tree.py").write_text(
        "def test_x():\n    import gateway\n    assert gateway.HERE\n"
    )
    ran = pytest_run(tmp_path, ["test_tree.py"], 30.0)
    assert ran.code == PASSED, ran.output
