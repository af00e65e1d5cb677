import json
from pathlib import Path

import numpy as np
import pytest

from predictor.data.records import DataError
from predictor.fast.location import with_thinking
from predictor.training.cells import Cells
from predictor.training.effects import answer_effects
from tests.predictor.training.refined import reference, tiny

pytest.importorskip("torch", reason="torch is missing, run: pip install torch")
pytest.importorskip("tokenizers", reason="tokenizers is missing, run: pip install tokenizers")

import torch

from predictor.data.other_models import PromptEffects
from predictor.training.refined import fit, loop, weights
from predictor.training.refined.fit import FittedEncoder
from predictor.training.refined.loop import Settings
from predictor.training.refined.net import Net
from predictor.training.refined.targets import Targets, targets

TINY = Settings(
    layers=2, tokens=24, epochs=12, batch=8, rate=3e-3, head_rate=1e-2, least_count=1, threads=1
)


def poems_and_lists(count: int = 48) -> Targets:
    """Prompts for poems, which are long, and for lists, which are short; two models, one terser."""
    texts = [
        f"write a poem about the sea {at}" if at % 2 else f"sort a list of numbers {at}"
        for at in range(count)
    ]
    prompt, model = np.divmod(np.arange(2 * count), 2)
    logs = 4.0 + 2.0 * (prompt % 2) - 0.5 * model
    ones = np.ones(2 * count)
    cells = Cells(prompt, model, logs, logs[:, None], 0 * ones, ones, ones, ones)
    other = PromptEffects("other", ["write a sea"], np.array([7.0]))
    return targets(texts, cells, answer_effects(cells, count, 2), 2, [other])


def tiny_net(unpaired_layers: int) -> Net:
    net = Net(tiny.size(outputs=3, unpaired_layers=unpaired_layers))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in tiny.state(3).items()})
    net.eval()
    return net


@pytest.mark.parametrize("unpaired_layers", [0, 1, 2])
def test_the_net_computes_a_bert_of_pairs_and_ignores_padding(unpaired_layers: int) -> None:
    rows = [np.array([2, 40, 41, 42, 3]), np.array([2, 50, 3])]
    ids, mask = loop.padded(rows)
    with torch.inference_mode():
        found = tiny_net(unpaired_layers)(ids, mask).numpy()
    for row, of_row in zip(rows, found, strict=True):
        wanted = reference.columns(
            tiny.state(3), row.tolist(), heads=tiny.HEADS, unpaired_layers=unpaired_layers
        )
        np.testing.assert_allclose(of_row, wanted, atol=1e-4)


def test_the_net_starts_from_the_weights_on_disk(tmp_path: Path) -> None:
    base = weights.read(tiny.bert(tmp_path))
    kept = np.arange(len(tiny.PIECES))[::-1].copy()
    size = weights.size_of(
        base, vocabulary=len(kept), positions=9, layers=1, unpaired_layers=0, outputs=3
    )
    net = Net(size)
    weights.start(net, base, pieces=kept, layers=[1])
    wanted = tiny.state(1)
    np.testing.assert_array_equal(net.words.weight.detach().numpy(), wanted["words.weight"][kept])
    np.testing.assert_array_equal(
        net.state_dict()["layers.0.qkv.weight"].numpy(), wanted["layers.1.qkv.weight"]
    )


def test_fine_tuning_learns_long_prompts_and_terse_models(tmp_path: Path) -> None:
    base = tiny.bert(tmp_path)
    trained = fit.fit(poems_and_lists(), settings=TINY, base=base)
    said = fit.predict(trained, ["write a poem about the sea", "sort a list of numbers"])
    # Two models, all models, the other data set, the size of the error.
    assert said.shape == (2, 5)
    np.testing.assert_allclose(said[:, :2], [[6.0, 5.5], [4.0, 3.5]], atol=0.4)


def test_the_same_seed_gives_the_same_encoder(tmp_path: Path) -> None:
    base = tiny.bert(tmp_path)
    short = Settings(layers=1, tokens=24, epochs=1, batch=8, threads=1)
    first, second = (
        fit.fit(poems_and_lists(), settings=short, base=base).net.state_dict() for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_unmeasured_cell_has_weight_0_in_the_targets() -> None:
    cells = Cells(
        np.array([0, 1, 1]),
        np.array([0, 0, 1]),
        np.array([3.0, 4.0, 5.0]),
        np.array([[3.0], [4.0], [5.0]]),
        np.zeros(3),
        np.ones(3),
        np.ones(3),
        np.ones(3),
    )
    answers = answer_effects(cells, 2, 2)
    made = targets(["a", "b"], cells, answers, 2, [])
    assert np.isnan(made.values[0, 1])
    assert made.weight[0, 1] == 0
    assert np.all(made.weight[:, 2] >= 0)
    back = made.centre + made.spread * made.values
    np.testing.assert_allclose(back[[0, 1, 1], [0, 0, 1]], [3.0, 4.0, 5.0])
    np.testing.assert_allclose(back[:, 2], answers.prompt)


def test_the_targets_are_answers_without_thinking_and_models_without_a_column_count() -> None:
    total = with_thinking(np.array([4.0, 5.0, 6.0]), np.array([0.0, 1.0, 0.0]))
    cells = Cells(
        np.array([0, 1, 1]),
        np.array([0, 0, 1]),
        total,
        total[:, None],
        np.array([0.0, 1.0, 0.0]),
        np.ones(3),
        np.ones(3),
        np.ones(3),
    )
    answers = answer_effects(cells, 2, 2)
    made = targets(["a", "b"], cells, answers, 1, [])
    assert made.values.shape == (2, 2)
    back = made.centre + made.spread * made.values
    np.testing.assert_allclose(back[:, 0], [4.0, 5.0], atol=1e-6)
    assert made.weight[1, 1] > made.weight[0, 1]


@pytest.mark.parametrize(("supported", "kind"), [(False, torch.float32), (True, torch.bfloat16)])
def test_products_are_narrow_only_on_a_cpu_that_computes_them_fast(
    monkeypatch: pytest.MonkeyPatch, supported: bool, kind: torch.dtype
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    with loop.narrow_numbers(torch.device("cpu")):
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == kind


def test_every_prompt_is_in_one_batch_of_similar_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, size=203).tolist()
    found = list(loop.batches(lengths, 8, np.random.default_rng(1)))
    assert sorted(row for batch in found for row in batch) == list(range(203))
    spread = np.mean([np.ptp([lengths[row] for row in batch]) for batch in found])
    assert spread < 20


def test_missing_weights_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path} holds no config.json.*--encoder-base"):
        weights.find(tmp_path)


def test_a_damaged_file_of_weights_is_refused(tmp_path: Path) -> None:
    base = tiny.bert(tmp_path)
    data = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        weights.read(base)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    base = tiny.bert(tmp_path)
    (base / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(DataError, match="gpt2, not a BERT"):
        weights.read(base)


def test_the_average_of_encoders_has_the_means_of_their_weights() -> None:
    settings = Settings(layers=tiny.LAYERS, tokens=24, threads=1)
    first = FittedEncoder(tiny_net(1), tiny.tokenizer(), settings, np.array([5.0]), 1.0)
    second = FittedEncoder(tiny_net(1), tiny.tokenizer(), settings, np.array([5.0]), 1.0)
    with torch.no_grad():
        second.net.head.bias += 1.0
    both = fit.average([first, second], ["write a poem"])
    torch.testing.assert_close(both.net.head.bias, first.net.head.bias + 0.5)
    torch.testing.assert_close(both.net.words.weight, first.net.words.weight)
    texts = ["write a poem", "sort a list of numbers"]
    wanted = (fit.predict(first, texts) + fit.predict(second, texts)) / 2
    np.testing.assert_allclose(fit.predict(both, texts), wanted, atol=0.02)
