"""Writes a tiny random Llama and its tokenizer into the folder given as the only argument.

Run by prepare.py with the Python that has torch and transformers. Nothing is fetched: the
tokenizer is trained on the documentation strings of the Python that runs this, and the weights
come from a fixed seed. The text means nothing, but each token is text of its own (valid UTF-8,
not empty), so every token of a stream is visible in it. A reply that is not forced to a length
ends by itself, at temperature 1 after about `MEAN_REPLY_TOKENS` tokens; at temperature 0 never.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
import ast
import math
import random
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 20260
VOCABULARY = 2048
HIDDEN = 256
CONTEXT = 16_384
MEAN_REPLY_TOKENS = 200
START, END, PAD = "<|start|>", "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif %}"
)

# Embeddings hold CONSTANT in dimension 0 and no layer writes there: the last hidden state is
# about the same there for every text, so weights of the output layer that read it act as what
# a Llama lacks, a bias for each token.
CONSTANT = 4.0
LOGIT_SPREAD = 2.0
NEVER = -40.0


def documentation() -> Iterator[str]:
    """Yields the documentation strings of this Python's standard library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Trains a byte-level BPE: any text can be encoded and comes back unchanged."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documentation(), trainer)
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise SystemExit("the documentation of this Python is too short to train a tokenizer on")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )


def is_text(tokenizer: PreTrainedTokenizerFast, token: int) -> bool:
    """True if the token alone is printable text: no control token, no part of a character."""
    text = tokenizer.decode([token], skip_special_tokens=True)
    return bool(text) and "\ufffd" not in text and all(c.isprintable() or c == "\n" for c in text)


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Builds the model with weights that depend on nothing but SEED and the tokenizer."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        initializer_range=HIDDEN**-0.5,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        set_weights(model, tokenizer)
    return model.to(torch.bfloat16)


def set_weights(model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """Gives the tokens their biases: END ends replies at a sensible rate, only text is said."""
    embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
    embedding.normal_()
    embedding[:, 0] = CONSTANT
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[0] = 0.0
        layer.mlp.down_proj.weight[0] = 0.0
    head.normal_(std=LOGIT_SPREAD * HIDDEN**-0.5)
    head[:, 0] = 0.0
    spoken = [token for token in range(VOCABULARY) if is_text(tokenizer, token)]
    silent = sorted(set(range(VOCABULARY)) - set(spoken))
    hidden = model.model(torch.tensor([random.Random(SEED).choices(spoken, k=512)]))[0][0]
    unit = hidden[:, 0].mean()
    log_sum_exp = (hidden @ head[spoken].T).logsumexp(dim=1).mean()
    head[silent] = 0.0
    head[silent, 0] = NEVER / unit
    head[tokenizer.eos_token_id, 0] = (log_sum_exp - math.log(MEAN_REPLY_TOKENS)) / unit


def main() -> None:
    """Writes model and tokenizer."""
    folder = Path(sys.argv[1])
    tokenizer = make_tokenizer()
    make_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
