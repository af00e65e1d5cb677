"""The faults. Each breaks one promise; `python -m tests.faults` shows that a test notices."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="scheduler/fairness.py",
        old="            self._spent[tenant] = max(self[tenant], self._reached)\n",
        new="            pass\n",
        test="tests/scheduler/test_fairness.py",
        why="a returning tenant's counter is not lifted",
    ),
)
