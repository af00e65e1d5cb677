import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from predictor.artefact.format import ArtefactError
from predictor.refined.encoder import GRAPH, MANIFEST, TOKENIZER, Encoder
from tests.predictor.training.refined import reference, tiny

pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")
pytest.importorskip("onnxruntime", reason="onnxruntime is missing, run: pip install onnxruntime")
pytest.importorskip("onnx", reason="onnx is missing, run: pip install onnx")

from predictor.refined.word_pieces import WordPieces
from predictor.training.refined.graph import build

COLUMNS = 4
TEXTS = [
    "",
    "Write a poem about the sea.",
    "Sort a list of numbers",
    "a b c d e f " * 40,
    "write a list, a poem, a sea",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path, unpaired_layers=tiny.UNPAIRED_LAYERS)


def written(tmp_path: Path, *, unpaired_layers: int) -> Path:
    weights = tiny.state(COLUMNS)
    parts = {
        GRAPH: build(weights, heads=tiny.HEADS, unpaired_layers=unpaired_layers),
        TOKENIZER: tiny.tokenizer().encode(),
    }
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    manifest = {"format": 1, "models": ["a", "b", "c"], "columns": COLUMNS, "tokens": 24}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"files": sums}))
    return tmp_path


@pytest.mark.parametrize("unpaired_layers", [0, 1, 2])
def test_the_graph_computes_the_net_but_for_rounding(tmp_path: Path, unpaired_layers: int) -> None:
    folder = written(tmp_path, unpaired_layers=unpaired_layers)
    ids = WordPieces(tiny.tokenizer(), limit=24)(TEXTS)
    weights = tiny.state(COLUMNS)
    wanted = np.array(
        [
            reference.columns(
                weights, row.tolist(), heads=tiny.HEADS, unpaired_layers=unpaired_layers
            )
            for row in ids
        ]
    )
    found = Encoder.load(folder).encode(TEXTS)
    assert found.shape == (len(TEXTS), COLUMNS)
    assert found.dtype == np.float32
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.99


def test_an_encoder_in_the_background_gives_the_same_outputs_on_a_low_priority_thread(
    folder: Path,
) -> None:
    encoder = Encoder.load(folder)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    np.testing.assert_array_equal(encoder.in_background().encode(TEXTS), encoder.encode(TEXTS))
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_padding_in_a_batch_hardly_changes_the_outputs(folder: Path) -> None:
    encoder = Encoder.load(folder)
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=0.15 * alone.std())


def test_more_texts_than_fit_a_batch_keep_their_order(folder: Path) -> None:
    encoder = Encoder.load(folder)
    many = TEXTS * 40
    found = encoder.encode(many)
    expected = np.tile(encoder.encode(TEXTS), (40, 1))
    np.testing.assert_allclose(found, expected, atol=0.15 * expected.std())


def test_no_texts_give_no_rows(folder: Path) -> None:
    assert Encoder.load(folder).encode([]).shape == (0, COLUMNS)


def test_threads_may_share_an_encoder(folder: Path) -> None:
    encoder = Encoder.load(folder)
    expected = encoder.encode(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: encoder.encode(TEXTS), range(16)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [MANIFEST, GRAPH, TOKENIZER])
def test_a_missing_file_is_named_with_the_remedy(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=rf"{name}.*lengthwise train --encoder"):
        Encoder.load(folder)


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER])
def test_a_truncated_file_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtefactError, match=rf"{name} is damaged"):
        Encoder.load(folder)


def test_a_foreign_graph_is_refused_even_with_its_checksum(folder: Path) -> None:
    data = b"not a graph"
    (folder / GRAPH).write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][GRAPH] = hashlib.sha256(data).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=rf"{GRAPH} cannot be run"):
        Encoder.load(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "has format None"),
        ('{"format": 99}', "has format 99"),
        ('{"format": 1, "models": []}', "is not the manifest of an encoder"),
    ],
)
def test_a_foreign_manifest_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ArtefactError, match=problem):
        Encoder.load(folder)


def test_without_onnxruntime_the_error_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ArtefactError, match=r"\.\[refined\]"):
        Encoder.load(folder)
