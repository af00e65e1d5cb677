"""The exported encoder against the net that it was exported from."""

from pathlib import Path

import numpy as np
import pytest

from tests.predictor.training.refined import tiny

for package in ("torch", "tokenizers", "onnx", "onnxruntime"):
    pytest.importorskip(package, reason=f"{package} is missing, run: pip install {package}")

import torch  # noqa: E402

from predictor.refined.encoder import Encoder  # noqa: E402
from predictor.training.refined import export, fit  # noqa: E402 - needs torch and onnx
from predictor.training.refined.fit import FittedEncoder  # noqa: E402
from predictor.training.refined.loop import Settings  # noqa: E402
from predictor.training.refined.net import Net  # noqa: E402

TEXTS = [f"write a poem about {at} numbers of the sea" for at in range(8)] + ["a list"] * 2


@pytest.fixture
def fitted() -> FittedEncoder:
    net = Net(tiny.size(outputs=5))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in tiny.state(5).items()})
    settings = Settings(layers=tiny.LAYERS, tokens=24, threads=1)
    return FittedEncoder(net.eval(), tiny.tokenizer(), settings, np.array([5.0, 6.0, 4.0]), 0.8)


def test_the_exported_encoder_gives_the_columns_of_the_net(
    fitted: FittedEncoder, tmp_path: Path
) -> None:
    export.write(fitted, tmp_path, models=["a", "b"])
    encoder = Encoder.load(tmp_path)
    assert encoder.models == ("a", "b")
    np.testing.assert_allclose(encoder.encode(TEXTS), fit.predict(fitted, TEXTS), atol=0.1)


def test_an_outlier_channel_takes_no_precision_from_the_other_channels(
    fitted: FittedEncoder, tmp_path: Path
) -> None:
    # One unit of the inner layer becomes 200 times as large as the others, and counts 1/200.
    with torch.no_grad():
        for layer in fitted.net.layers:
            layer.up.weight[0] *= 200.0
            layer.down.weight[:, 0] /= 200.0
    wanted = fit.predict(fitted, TEXTS)

    def error(encoder: FittedEncoder) -> float:
        export.write(encoder, tmp_path, models=["a", "b"])
        return float(np.abs(Encoder.load(tmp_path).encode(TEXTS) - wanted).mean())

    with_peaks = fit.average([fitted], TEXTS)
    assert with_peaks.peaks["layers.0.down"].argmax() == 0
    assert error(with_peaks) < error(fitted) / 3
