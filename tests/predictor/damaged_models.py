"""Damaged models with right checksums: what a checksum cannot tell."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import shutil
from pathlib import Path

BOOSTERS = ("location", "scale")
_FIELDS = (
    "left_child",
    "right_child",
    "split_feature",
    "threshold",
    "decision_type",
    "leaf_value",
    "leaf_weight",
    "num_leaves",
    "num_cat",
    "shrinkage",
    "is_linear",
    "max_feature_idx",
    "tree_sizes",
)
_VALUES = ("9" * 30, "-" + "9" * 30, "0" * 30, "nan", "inf", "x")


def damaged(model: Path, out: Path, seed: int) -> str:
    """Copy a model with one number of a booster changed at random; returns what was changed."""
    chance = random.Random(seed)
    name, value = chance.choice(BOOSTERS), chance.choice(_VALUES)
    shutil.copytree(model, out)
    text = text_of(out, name)
    field = chance.choice([one for one in _FIELDS if f"\n{one}=" in text])
    fields = text.count(f"\n{field}=")
    damage(out, name, field, value, row=chance.randrange(fields), place=chance.random())
    return f"{name}: {field} {value[:4]}"


def damage(
    model: Path, name: str, field: str, value: str, *, row: int = 0, place: float = 0.0
) -> None:
    """Change a number of a booster's field in its width, so that all others stay in place.

    ``row`` counts the trees, and ``place`` (0 to 1) the numbers of the field.
    """
    text = text_of(model, name)
    line = list(re.finditer(rf"^{field}=(.+)$", text, re.MULTILINE))[row]
    numbers = list(re.finditer(r"\S+", line[1]))
    number = numbers[int(place * len(numbers))]
    start, end = line.start(1) + number.start(), line.start(1) + number.end()
    put(model, name, text[:start] + value[: end - start].ljust(end - start) + text[end:])


def text_of(model: Path, name: str) -> str:
    """A booster of the model."""
    return gzip.decompress((model / f"{name}.txt.gz").read_bytes()).decode()


def put(model: Path, name: str, text: str) -> None:
    """Make ``text`` a booster of the model, with its right checksum."""
    data = gzip.compress(text.encode(), mtime=0)
    (model / f"{name}.txt.gz").write_bytes(data)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"][f"{name}.txt.gz"] = hashlib.sha256(data).hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))
