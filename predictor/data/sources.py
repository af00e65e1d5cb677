"""Sources of measured lengths: what `lengthwise train` and `evaluate` take as --data.

A source is recognised by what lies in it:

- CASTILLO's local files, ``lengths_castillo.parquet`` and its companions;
- a folder made by `lengthwise collect`;
- CASTILLO as published (Hugging Face ``danfperam/castillo``), JSON or Parquet with its columns;
- a served log, if it was kept with texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from predictor.arrays import Indices
from predictor.data.castillo import read_castillo
from predictor.data.castillo_published import is_hub, read_hub
from predictor.data.collected import LENGTHS, read_collected
from predictor.data.parquet import numbers, strings
from predictor.data.records import DataError, Records
from predictor.features.model_names import canonical
from predictor.served import LogError
from predictor.served import read as read_log

KINDS = (
    "CASTILLO's files, a folder made by `lengthwise collect`, the published data set "
    "danfperam/castillo (JSON or Parquet), or a served log"
)
_CASTILLO = "lengths_castillo.parquet"
SERVED = "served"
"""The corpus of prompts from a served log."""


def read(path: Path, *, test: bool = False) -> Records:
    """The samples in a folder of any kind (or in one file of the published data set).

    Prompts of a split named ``test`` are for measuring: they are left out, or with ``test`` the
    only ones.

    Raises:
        DataError: it is of no known kind, or cannot be used; the message names file and remedy.
    """
    if not path.exists():
        raise DataError(f"{path} is not there; give {KINDS} as --data")
    if path.is_dir() and any(path.glob("served-*.*")):
        return _no_test(path) if test else read_served(path)
    if (path / _CASTILLO).is_file():
        return _no_test(path) if test else read_castillo(path)
    if (path / f"{LENGTHS}.parquet").is_file():
        return read_collected(path, test=test)
    if is_hub(path):
        return read_hub(path, test=test)
    raise DataError(f"{path} holds no lengths; give {KINDS} as --data")


def read_all(paths: Sequence[Path], *, test: bool = False) -> Records:
    """The samples of several sources together; a source given twice counts once."""
    distinct = list({path.resolve(): path for path in paths}.values())
    return merge([read(path, test=test) for path in distinct])


def _no_test(path: Path) -> Records:
    raise DataError(f"{path} has no test split; measure on --split held-out")


def read_served(folder: Path) -> Records:
    """The finished requests of a served log whose texts were kept, one sample each.

    Requests for several sequences are left out, because the log has only their sum; so are those
    of which not one token came. Any prompt may be held out (``validate``).

    Raises:
        DataError: it cannot be read, or holds no texts.
    """
    try:
        table = read_log(folder)
    except LogError as error:
        raise DataError(str(error)) from error
    texts = [text or "" for text in table["text"].to_pylist()]
    tokens, single = numbers(table, "output_tokens"), numbers(table, "sequences") == 1
    kept = np.array([bool(text) for text in texts], dtype=np.bool_)
    if not kept.any():
        raise DataError(
            f"{folder}: served log holds no texts; set learning.keep_text, or use online refitting"
        )
    rows = np.flatnonzero(kept & single & (tokens > 0))
    number: dict[str, int] = {}
    prompt = [number.setdefault(texts[row], len(number)) for row in rows]
    models, model = np.unique(strings(table, "model")[rows], return_inverse=True)
    return Records(
        texts=list(number),
        corpus=np.full(len(number), SERVED),
        validate=np.ones(len(number), dtype=np.bool_),
        models=models.tolist(),
        prompt=np.array(prompt, dtype=np.intp),
        model=model.astype(np.intp),
        tokens=tokens[rows],
        capped=numbers(table, "censored").astype(np.bool_)[rows],
    )


def merge(parts: Sequence[Records]) -> Records:
    """All samples of several sources, equal prompts and equal models made one.

    Prompts are equal if their texts are, models if their names differ only in owner, case or
    quantisation (``names.canonical``); the first source's corpus and name stay. A prompt of which
    one source says ``validate`` is ``validate``, so that it can be held out of all.
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
        for at, name in zip(prompt, part.corpus, strict=True):
            corpus[at] = corpus[at] or str(name)
        for at, name in zip(model, part.models, strict=True):
            title[at] = title[at] or name
    return Records(
        texts=list(texts),
        corpus=np.array(corpus, dtype=np.str_),
        validate=validate,
        models=title,
        prompt=np.concatenate([at[p.prompt] for at, p in zip(prompts, parts, strict=True)]),
        model=np.concatenate([at[p.model] for at, p in zip(models, parts, strict=True)]),
        tokens=np.concatenate([part.tokens for part in parts]),
        capped=np.concatenate([part.capped for part in parts]),
    )


def _numbered(keys: Sequence[str], known: dict[str, int]) -> Indices:
    """The number of each key among ``known``, to which new ones are added."""
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
