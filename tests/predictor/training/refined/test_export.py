from pathlib import Path

import numpy as np
import pytest

from predictor.artefact.format import ArtefactError
from tests.predictor.training.refined import tiny

for package in ("torch", "tokenizers", "onnx", "onnxruntime"):
    pytest.importorskip(package, reason=f"{package} is missing, run: pip install {package}")

import torch  # noqa: E402

from predictor.refined.encoder import Encoder  # noqa: E402
from predictor.training.refined import export, fit  # noqa: E402 - needs torch and onnx
from predictor.training.refined.net import Net, Size  # noqa: E402

TEXTS = [f"write a poem about {at} numbers of the sea" for at in range(8)] + ["a list"] * 2


@pytest.fixture
def trained() -> fit.Trained:
    made = Net(
        Size(
            vocabulary=len(tiny.PIECES),
            positions=tiny.POSITIONS,
            hidden=tiny.HIDDEN,
            heads=tiny.HEADS,
            inner=tiny.INNER,
            layers=tiny.LAYERS,
            whole=tiny.WHOLE,
            outputs=5,
        )
    )
    made.load_state_dict({name: torch.from_numpy(v) for name, v in tiny.state(5).items()})
    settings = fit.Settings(layers=tiny.LAYERS, tokens=24, threads=1)
    return fit.Trained(made.eval(), tiny.tokenizer(), settings, np.array([5.0, 6.0, 4.0]), 0.8)


def test_what_is_exported_answers_as_the_net_does(trained: fit.Trained, tmp_path: Path) -> None:
    export.write(trained, tmp_path, models=["a", "b"])
    encoder = Encoder.load(tmp_path)
    assert encoder.models == ("a", "b")
    found, wanted = encoder.encode(TEXTS), fit.predict(trained, TEXTS)
    np.testing.assert_allclose(found, wanted, atol=0.1)
    assert export.check(trained, tmp_path, TEXTS) >= export.LEAST_AGREEMENT


def test_a_spiked_channel_takes_no_precision_from_the_others(
    trained: fit.Trained, tmp_path: Path
) -> None:
    # One unit of the inner layer gets 200 times as large as the others, and counts 1/200.
    with torch.no_grad():
        for layer in trained.net.layers:
            layer.up.weight[0] *= 200.0
            layer.down.weight[:, 0] /= 200.0
    wanted = fit.predict(trained, TEXTS)

    def error(of: fit.Trained) -> float:
        export.write(of, tmp_path, models=["a", "b"])
        return float(np.abs(Encoder.load(tmp_path).encode(TEXTS) - wanted).mean())

    known = fit.averaged([trained], TEXTS)
    assert known.peaks["layers.0.down"].argmax() == 0
    assert error(known) < error(trained) / 3


def test_files_that_do_not_agree_with_the_net_are_refused(
    trained: fit.Trained, tmp_path: Path
) -> None:
    export.write(trained, tmp_path, models=["a", "b"])
    trained.net.load_state_dict(
        {name: torch.from_numpy(v) for name, v in tiny.state(5, seed=1).items()}
    )
    with pytest.raises(ArtefactError, match="agrees with the trained net only"):
        export.check(trained, tmp_path, TEXTS)
