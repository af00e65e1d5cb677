"""Sources of measured lengths: what `lengthwise train` and `lengthwise evaluate` take as --data.

The files in a folder tell which source it is:

- CASTILLO's local files, ``lengths_castillo.parquet`` and two others (``castillo``);
- a folder written by `lengthwise collect` (``collected``);
- CASTILLO as its authors publish it, JSON or Parquet (``castillo_published``);
- a served log whose texts were kept (``served_log``);
- sets of other kinds of traffic, in the folder or in its sub-folder "more" (``kinds``). These are
  read beside the folder's other data.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from predictor.arrays import Indices
from predictor.data import castillo, collected, near_duplicates
from predictor.data.castillo_published import is_published, read_published
from predictor.data.kinds.reader import folder_of, read_kinds
from predictor.data.records import DataError, Records
from predictor.data.served_log import read_served
from predictor.features.model_names import canonical
from predictor.prompt import Prompt

Key = TypeVar("Key", bound=Hashable)

KINDS = (
    "CASTILLO's files, a folder made by `lengthwise collect`, the published data set "
    "danfperam/castillo (JSON or Parquet), a served log, or sets of other kinds of traffic"
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
    reader = _reader(path)
    if reader is not None:
        return reader(path, test=test)
    if folder_of(path) is None:
        raise DataError(f"{path} holds no lengths; give {KINDS} as --data")
    return _no_test_split(path) if test else merge(_read_kinds(path))


def _reader(path: Path) -> Callable[..., Records] | None:
    """What reads the folder's data, other kinds of traffic apart; None if there is none."""
    if path.is_dir() and any(path.glob("served-*.*")):
        return _without_test_split(read_served)
    if (path / castillo.LENGTHS).is_file():
        return _without_test_split(castillo.read_castillo)
    if (path / f"{collected.LENGTHS}.parquet").is_file():
        return collected.read_collected
    if is_published(path):
        return read_published
    return None


def read_all(paths: Sequence[Path], *, test: bool = False) -> Records:
    """The samples of several sources together; a source given twice counts once.

    Near-duplicate prompts are in one group if there are other kinds of traffic than CASTILLO's.
    """
    distinct = list({path.resolve(): path for path in paths}.values())
    parts = [read(path, test=test) for path in distinct]
    more = (
        [] if test else [part for path in distinct if _reader(path) for part in _read_kinds(path)]
    )
    records = merge([*parts, *more])
    if not any(folder_of(path) for path in distinct):
        return records
    return replace(records, group=near_duplicates.groups(records.subjects))


def _read_kinds(path: Path) -> list[Records]:
    folder = folder_of(path)
    return read_kinds(folder) if folder is not None else []


def _without_test_split(read: Callable[[Path], Records]) -> Callable[..., Records]:
    return lambda path, test: _no_test_split(path) if test else read(path)


def _no_test_split(path: Path) -> Records:
    raise DataError(f"{path} has no test split; measure on --split held-out")


def merge(parts: Sequence[Records]) -> Records:
    """All samples of several sources, with equal prompts and equal models made one.

    Models are equal if their names differ only in owner, case or quantisation (``canonical``). The
    first source's corpus and model name are kept. A prompt that is ``validate`` in one source is
    ``validate`` in the result and can be held out. Each prompt is a group of its own.
    """
    number: dict[Prompt, int] = {}
    names: dict[str, int] = {}
    prompts = [_numbered(part.prompts, number) for part in parts]
    models = [_numbered([canonical(name) for name in part.models], names) for part in parts]
    first = np.unique(np.concatenate(prompts), return_index=True)[1]
    validate = np.zeros(len(number), dtype=np.bool_)
    for part, prompt in zip(parts, prompts, strict=True):
        validate[prompt[part.validate]] = True
    subjects = [subject for part in parts for subject in part.subjects]
    return Records(
        prompts=list(number),
        subjects=[subjects[index] for index in first],
        corpus=np.concatenate([part.corpus for part in parts])[first],
        validate=validate,
        group=np.arange(len(number)),
        models=_titles(parts, models),
        prompt=np.concatenate([new[p.prompt] for new, p in zip(prompts, parts, strict=True)]),
        model=np.concatenate([new[p.model] for new, p in zip(models, parts, strict=True)]),
        tokens=np.concatenate([part.tokens for part in parts]),
        censored=np.concatenate([part.censored for part in parts]),
        free=np.concatenate([part.free for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def _titles(parts: Sequence[Records], models: Sequence[Indices]) -> list[str]:
    """The name of each model in the first of the ``parts`` that has it."""
    names = [name for part in parts for name in part.models]
    first = np.unique(np.concatenate(models), return_index=True)[1]
    return [names[index] for index in first]


def _numbered(keys: Sequence[Key], known: dict[Key, int]) -> Indices:
    """The number of each key in ``known``, to which new keys are added."""
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
