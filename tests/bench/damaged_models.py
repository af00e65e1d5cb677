"""Damaged models: how many crash the process that loads them, and that none passes its trial.

``python -m tests.bench.damaged_models 60`` tries so many, each with one number of a booster changed
and the right checksums; exit code 1 if a model passes its trial and then crashes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from predictor.fast.predictor import DEFAULT
from predictor.inference.trial import trial_command
from tests.predictor.damaged_models import damaged

LIVE = """
import random, sys
from predictor.inference.tiered import TieredPredictor
from predictor.prompt import Prompt
predictor, chance = TieredPredictor.load(sys.argv[1], refine=False), random.Random(0)
words = "write an essay about the bridge in 200 words list def return why 7 9 json".split()
for _ in range(300):
    text = " ".join(chance.choices(words, k=chance.randrange(200)))
    model = chance.choice(["", "Qwen/Qwen3-8B", "meta-llama/Llama-3.1-8B-Instruct"])
    for prediction in predictor.predict([Prompt(model, text)] * chance.randrange(1, 5)):
        prediction.length.quantile(0.9)
"""
"""Forecasts with a model without a trial."""

LIMIT_S = 120


def _code(command: list[str]) -> int:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S).returncode
    except subprocess.TimeoutExpired:
        return 124


def main(count: int) -> int:
    """Try ``count`` models; returns the exit code."""
    seen: Counter[str] = Counter()
    for seed in range(count):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            what = damaged(DEFAULT, model, seed)
            tried = _code(trial_command(model, refine=False))
            live = _code([sys.executable, "-c", LIVE, str(model)])
        case = f"trial {_name(tried)}, live {_name(live)}"
        seen[case] += 1
        print(f"{seed + 1} of {count}: {case} ({what})", flush=True)
        if tried == 0 and live < 0:
            seen["PASSED AND CRASHED"] += 1
            print(f"seed {seed}, {what}: passed its trial, and crashed live", flush=True)
    for case, number in sorted(seen.items()):
        print(f"{number:4d} {case}")
    return 1 if seen["PASSED AND CRASHED"] else 0


def _name(code: int) -> str:
    return {0: "ok", 124: "hung"}.get(code, "crashed" if code < 0 else "refused")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
