"""Writes a copy of the tiny model with more layers: deepen_model.py MODEL FOLDER LAYERS.

Run with the Python that has torch and transformers. The further layers take their time and change
nothing: what they would add is multiplied by zero. So each step and each token of a prompt costs
the CPU what it costs in a model of this depth, and preempted requests cost something to compute
again, which in the tiny model they do not.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
import shutil
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def deepen(model: Path, folder: Path, layers: int) -> None:
    """Writes the model of ``model`` with ``layers`` layers to ``folder``, and its tokenizer."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    shallow = LlamaForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    config = LlamaConfig.from_pretrained(model, num_hidden_layers=layers)
    deep = LlamaForCausalLM(config).to(torch.bfloat16)
    deep.load_state_dict(shallow.state_dict(), strict=False)
    with torch.no_grad():
        for layer in deep.model.layers[shallow.config.num_hidden_layers :]:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    deep.save_pretrained(folder)


if __name__ == "__main__":
    deepen(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
