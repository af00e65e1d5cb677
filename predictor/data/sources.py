"""Sources of measured lengths: what `lengthwise train` and `lengthwise evaluate` take as --data.

The files in a folder tell which source it is:

- CASTILLO's local files, ``lengths_castillo.parquet`` and two others (``castillo``);
- a folder written by `lengthwise collect` (``collected``);
- CASTILLO as its authors publish it, JSON or Parquet (``castillo_published``);
- a served log whose texts were kept (``served_log``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from predictor.arrays import Indices
from predictor.data import castillo, collected
from predictor.data.castillo_published import is_published, read_published
from predictor.data.records import DataError, Records
from predictor.data.served_log import read_served
from predictor.features.model_names import canonical

KINDS = (
    "CASTILLO's files, a folder made by `lengthwise collect`, the published data set "
    "danfperam/castillo (JSON or Parquet), or a served log"
)


def read(path: Path, *, test: bool = False) -> Records:
    """The samples in a folder of any source, or in one file of the published data set.

    ``test`` false: all splits but ``test``. ``test`` true: only the split ``test``, which is for
    measuring and has no part in training.

    Raises:
        DataError: the source is unknown or unusable; the message names the file and the remedy.
    """
    if not path.exists():
        raise DataError(f"{path} is not there; give {KINDS} as --data")
    if path.is_dir() and any(path.glob("served-*.*")):
        return _no_test_split(path) if test else read_served(path)
    if (path / castillo.LENGTHS).is_file():
        return _no_test_split(path) if test else castillo.read_castillo(path)
    if (path / f"{collected.LENGTHS}.parquet").is_file():
        return collected.read_collected(path, test=test)
    if is_published(path):
        return read_published(path, test=test)
    raise DataError(f"{path} holds no lengths; give {KINDS} as --data")


def read_all(paths: Sequence[Path], *, test: bool = False) -> Records:
    """The samples of several sources together; a source given twice counts once."""
    distinct = list({path.resolve(): path for path in paths}.values())
    return merge([read(path, test=test) for path in distinct])


def _no_test_split(path: Path) -> Records:
    raise DataError(f"{path} has no test split; measure on --split held-out")


def merge(parts: Sequence[Records]) -> Records:
    """All samples of several sources, with equal prompts and equal models made one.

    Prompts are equal if their texts are equal. Models are equal if their names differ only in
    owner, case or quantisation (``canonical``). The first source's corpus and model name are kept.
    A prompt that is ``validate`` in one source is ``validate`` in the result and can be held out.
    """
    texts: dict[str, int] = {}
    names: dict[str, int] = {}
    prompts = [_numbered(part.texts, texts) for part in parts]
    models = [_numbered([canonical(name) for name in part.models], names) for part in parts]
    corpus: list[str] = [""] * len(texts)
    title: list[str] = [""] * len(names)
    validate = np.zeros(len(texts), dtype=np.bool_)
    for part, prompt, model in zip(parts, prompts, models, strict=True):
        validate[prompt[part.validate]] = True
        for index, name in zip(prompt, part.corpus, strict=True):
            corpus[index] = corpus[index] or str(name)
        for index, name in zip(model, part.models, strict=True):
            title[index] = title[index] or name
    return Records(
        texts=list(texts),
        corpus=np.array(corpus, dtype=np.str_),
        validate=validate,
        models=title,
        prompt=np.concatenate([new[p.prompt] for new, p in zip(prompts, parts, strict=True)]),
        model=np.concatenate([new[p.model] for new, p in zip(models, parts, strict=True)]),
        tokens=np.concatenate([part.tokens for part in parts]),
        censored=np.concatenate([part.censored for part in parts]),
    )


def _numbered(keys: Sequence[str], known: dict[str, int]) -> Indices:
    """The number of each key in ``known``, to which new keys are added."""
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
