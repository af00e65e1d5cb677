"""The encoder as a PyTorch net: a small BERT, pooled, with a head for lengths.

From layer ``unpaired_layers`` on, the net works on pairs of neighbouring tokens, which halves the
cost of a layer.
As in Funnel-Transformer (Dai et al. 2020, arXiv 2006.03236), the queries of the first such layer
are the pairs' means, and its keys and values are still the single tokens.

Only training and export import this module; the gateway runs the exported graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_MASKED = -1e4  # the attention score of padding


@dataclass(frozen=True, slots=True)
class Size:
    """The dimensions of a net.

    ``positions`` (even) is the most tokens of a prompt, ``inner`` the width of the feed-forward
    net, ``outputs`` the number of columns of the head. The first ``unpaired_layers`` layers give a
    state for every token, the layers after them a state for every pair of tokens.
    """

    vocabulary: int
    positions: int
    hidden: int
    heads: int
    inner: int
    layers: int
    unpaired_layers: int
    outputs: int
    dropout: float = 0.1


class Layer(nn.Module):
    """Self-attention and a feed-forward net; each is added and then normalised, as in BERT."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.qkv = nn.Linear(size.hidden, 3 * size.hidden)
        self.out = nn.Linear(size.hidden, size.hidden)
        self.norm = nn.LayerNorm(size.hidden, eps=1e-12)
        self.up = nn.Linear(size.hidden, size.inner)
        self.down = nn.Linear(size.inner, size.hidden)
        self.last = nn.LayerNorm(size.hidden, eps=1e-12)
        self.drop = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor, pairs: Tensor | None = None) -> Tensor:
        """The next states of ``x`` (n x t x hidden), or of ``pairs`` (n x u x hidden) if given.

        ``mask`` (n x t) is true where there is a token. Pairs attend to the tokens ``x``.
        """
        query, key, value = self._split(x, pairs)
        states = x if pairs is None else pairs
        # Spelt out: on a CPU, PyTorch's fused attention is slower, and its gradient far slower.
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        padding = ~mask[:, None, None, :]
        mixed = scores.masked_fill(padding, _MASKED).softmax(dim=3).to(value.dtype) @ value
        x = self.norm(states + self.drop(self.out(mixed.transpose(1, 2).flatten(2))))
        output: Tensor = self.last(x + self.drop(self.down(functional.gelu(self.up(x)))))
        return output

    def _split(self, x: Tensor, pairs: Tensor | None) -> tuple[Tensor, ...]:
        """Query, key and value, each n x heads x tokens x width."""
        if pairs is None:
            parts = self.qkv(x).chunk(3, dim=2)
        else:
            width = x.shape[2]
            weight, bias = self.qkv.weight, self.qkv.bias
            key_value = functional.linear(x, weight[width:], bias[width:]).chunk(2, dim=2)
            parts = (functional.linear(pairs, weight[:width], bias[:width]), *key_value)
        n = len(x)
        return tuple(
            part.reshape(n, part.shape[1], self.heads, -1).transpose(1, 2) for part in parts
        )


class Net(nn.Module):
    """Token ids to ``size.outputs`` numbers for each prompt.

    The tokens' last states are averaged twice, with equal and with learned weights; one linear
    head reads both averages. The learned weights start equal, so that training starts from the
    plain average.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.words = nn.Embedding(size.vocabulary, size.hidden)
        self.positions = nn.Embedding(size.positions, size.hidden)
        self.norm = nn.LayerNorm(size.hidden, eps=1e-12)
        self.drop = nn.Dropout(size.dropout)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))
        self.attend = nn.Linear(size.hidden, 1)
        self.head = nn.Linear(2 * size.hidden, size.outputs)
        nn.init.zeros_(self.attend.weight)
        nn.init.zeros_(self.attend.bias)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The pooled states (n x 2 hidden) of ``ids`` (n x t, t even); ``mask`` marks tokens."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.drop(self.norm(self.words(ids) + self.positions(positions)))
        for number, layer in enumerate(self.layers):
            if number == self.size.unpaired_layers:
                pairs, pair_mask = paired(x, mask)
                x, mask = layer(x, mask, pairs), pair_mask
            else:
                x = layer(x, mask)
        x = x.float()
        equal = mask / mask.sum(dim=1, keepdim=True)
        scores = self.attend(x).squeeze(2).float().masked_fill(~mask, float("-inf"))
        learned = scores.softmax(dim=1)
        return torch.cat([equal.unsqueeze(1) @ x, learned.unsqueeze(1) @ x], dim=2).squeeze(1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The head's outputs (n x outputs)."""
        output: Tensor = self.head(self.pooled(ids, mask))
        return output


def paired(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Means of neighbouring tokens (n x t/2 x hidden), and the pairs with a token; t is even."""
    n, t, hidden = x.shape
    each = mask.view(n, t // 2, 2).to(x.dtype)
    share = each / each.sum(dim=2, keepdim=True).clamp(min=1)
    return (x.view(n, t // 2, 2, hidden) * share.unsqueeze(3)).sum(dim=2), each.sum(dim=2) > 0
