"""What the encoder is trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.data import castillo
from predictor.fast.inputs import COLUMNS, TURNS
from predictor.training import fast
from predictor.training.refined.targets import targets, targets_of
from tests.predictor.small_castillo import write_data


def test_a_prompt_weighs_by_as_much_of_the_request_as_the_encoder_reads(tmp_path: Path) -> None:
    made = fast.fit(
        castillo.read_castillo(write_data(tmp_path, prompts=60, samples=2)), [], threads=1
    )
    located = made.head.out_of_fold
    prompt, inputs = made.cells.prompt[located.cell], located.inputs.copy()
    inputs[prompt == 0, COLUMNS.index("script kana")] = 1.0
    inputs[prompt == 1, TURNS] = 4.0
    made = replace(made, head=replace(made.head, out_of_fold=replace(located, inputs=inputs)))
    models = len(made.models.names)
    whole = targets(made.records.texts, made.cells, made.answers, models, [])
    found = targets_of(made, [])
    np.testing.assert_array_equal(found.values, whole.values)
    share = found.weight.sum(axis=1) / whole.weight.sum(axis=1)
    np.testing.assert_allclose(share[:2], [0.0, 0.25])
    np.testing.assert_allclose(share[2:], 1.0)
