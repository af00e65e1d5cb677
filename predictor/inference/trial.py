"""``python -m predictor.inference.trial DIR``: a model tried in a process of its own.

A damaged booster with right checksums can crash LightGBM, and with it the process. So each node of
each tree is visited here, and forecasts are made, before the model is taken up where it matters.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictor.artefact.format import ArtefactError, read
from predictor.exit_codes import bad_input
from predictor.fast.predictor import booster
from predictor.fast.trees import boosted
from predictor.inference.tiered import TieredPredictor
from predictor.prompt import Prompt
from predictor.threads import one_thread

MEMORY_BYTES = 8 << 30
"""Address space of the trial: a model that asks for more is refused, not the machine's memory."""

PROMPTS = (
    Prompt("", "Is it any good?"),
    Prompt("", ""),
    Prompt("meta-llama/Llama-3.1-8B-Instruct", "Write an essay of 2000 words on bridges.", 4096),
    Prompt("Qwen/Qwen3-8B", "def f(x):\n    return 1 / x\n\nWhat is wrong? " * 40),
    Prompt("unheard-of", "Übersetze: 日本語 и русский. Answer in one word.", 16),
)
"""Short and long, code and words, known models and unknown ones."""

_COLUMNS = "split_feature="  # begins the line of a tree with the columns of its nodes
_RANDOM_ROWS = 512


def trial_command(path: Path, *, refine: bool) -> list[str]:
    """The command line of a trial in a process of its own."""
    line = [sys.executable, "-P", "-m", "predictor.inference.trial", str(path)]
    return [*line, "--refine"] if refine else line


def try_out(path: Path, *, refine: bool) -> None:
    """Load a model, visit all its trees, and forecast with it.

    Raises:
        ArtefactError: the model cannot be used; the message names the file and the remedy.
    """
    for name, text in read(path).boosters.items():
        try:
            _try_booster(text)
        except ValueError as error:
            raise ArtefactError(
                f"{path}: the trees of {name} make no sense ({error}); train again with "
                "`lengthwise train`"
            ) from error
    predictor = TieredPredictor.load(path, refine=refine)
    try:
        predictions = predictor.predict(PROMPTS)
        if predictor.refines:
            predictions += predictor.refine(predictions)
        for prediction in predictions:
            _check_quantiles([prediction.length.quantile(level) for level in (0.1, 0.5, 0.9)])
    except Exception as error:
        raise ArtefactError(
            f"{path}: a trial forecast failed ({error!r}); train again with `lengthwise train`"
        ) from error


def _try_booster(text: str) -> None:
    """Visit all nodes of a booster, and ask it for numbers far and near.

    Raises:
        ValueError: a node points outside the inputs, or a number is not finite.
    """
    tested = booster(text)
    columns = tested.num_feature()
    _check_columns(text, columns)
    for tree in tested.dump_model()["tree_info"]:
        for node in _nodes(tree["tree_structure"]):
            feature, value = node.get("split_feature", 0), node.get("leaf_value", 0.0)
            if not 0 <= feature < columns or not math.isfinite(value):
                raise ValueError(f"column {feature} of {columns}, output {value}")
    rows = np.random.default_rng(0).normal(scale=100.0, size=(_RANDOM_ROWS, columns))
    if not np.isfinite(boosted(tested, rows)).all():
        raise ValueError("an output is not finite")


def _check_columns(text: str, columns: int) -> None:
    """Refuse a column that the booster lacks, of which LightGBM would read a name out of bounds."""
    for line in text.splitlines():
        if line.startswith(_COLUMNS):
            named = [int(column) for column in line.removeprefix(_COLUMNS).split()]
            if named and not 0 <= min(named) <= max(named) < columns:
                raise ValueError(f"column {max(named)} of {columns}")


def _nodes(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [node[side] for side in ("left_child", "right_child") if side in node]


def _check_quantiles(quantiles: Sequence[float]) -> None:
    if not all(map(math.isfinite, quantiles)) or sorted(quantiles) != list(quantiles):
        raise ValueError(f"quantiles {quantiles}")


def _limit() -> None:
    """Bound the memory, and leave no core file of a crash."""
    if os.name == "nt":
        return
    import resource  # noqa: PLC0415 - not on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def main(argv: Sequence[str] | None = None) -> int:
    """Try one model; returns 0 if it can be used, else 2 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="predictor.inference.trial", description=main.__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--refine", action="store_true", help="try the refined tier too")
    args = parser.parse_args(argv)
    _limit()
    one_thread()
    try:
        try_out(args.path, refine=args.refine)
    except (ArtefactError, MemoryError) as error:
        return bad_input(str(error) or "the model asks for too much memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
