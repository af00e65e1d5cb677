"""The encoder in PyTorch: a small BERT, pooled, with a head for lengths.

From one layer on it works on pairs of neighbouring tokens, which halves what a layer costs: as in
Funnel-Transformer (Dai et al. 2020, arXiv 2006.03236), that layer's queries are the pairs' means,
its keys and values still the single tokens.

Only training and export import this; serving runs the exported graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_NEVER = -1e4  # the likeness to padding


@dataclass(frozen=True, slots=True)
class Size:
    """The encoder's measures; ``outputs`` is the number of columns of its head.

    ``positions`` is even. ``whole`` is the number of layers that answer for every token; those
    after them answer for pairs.
    """

    vocabulary: int
    positions: int
    hidden: int
    heads: int
    inner: int
    layers: int
    whole: int
    outputs: int
    dropout: float = 0.1


class Layer(nn.Module):
    """Self-attention and a feed-forward net, each added and normalised after (as in BERT)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.rate = size.dropout
        self.qkv = nn.Linear(size.hidden, 3 * size.hidden)
        self.out = nn.Linear(size.hidden, size.hidden)
        self.norm = nn.LayerNorm(size.hidden, eps=1e-12)
        self.up = nn.Linear(size.hidden, size.inner)
        self.down = nn.Linear(size.inner, size.hidden)
        self.last = nn.LayerNorm(size.hidden, eps=1e-12)
        self.drop = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor, asking: Tensor | None = None) -> Tensor:
        """``x`` n x t x hidden; ``mask`` n x t, true where there is a token.

        The answer is for what is ``asking`` (n x u x hidden) of the tokens: by default they all.
        """
        query, key, value = self._split(x, asking)
        asking = x if asking is None else asking
        # Spelt out: PyTorch's fused attention is slower on a CPU, its gradient by far.
        likeness = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        hidden = ~mask[:, None, None, :]
        mixed = likeness.masked_fill(hidden, _NEVER).softmax(dim=3).to(value.dtype) @ value
        x = self.norm(asking + self.drop(self.out(mixed.transpose(1, 2).flatten(2))))
        answer: Tensor = self.last(x + self.drop(self.down(functional.gelu(self.up(x)))))
        return answer

    def _split(self, x: Tensor, asking: Tensor | None) -> tuple[Tensor, ...]:
        """Query, key and value, each n x heads x tokens x width."""
        if asking is None:
            parts = self.qkv(x).chunk(3, dim=2)
        else:
            width = x.shape[2]
            weight, bias = self.qkv.weight, self.qkv.bias
            told = functional.linear(x, weight[width:], bias[width:]).chunk(2, dim=2)
            parts = (functional.linear(asking, weight[:width], bias[:width]), *told)
        n = len(x)
        return tuple(
            part.reshape(n, part.shape[1], self.heads, -1).transpose(1, 2) for part in parts
        )


class Net(nn.Module):
    """Token ids to a row of ``size.outputs`` numbers for each prompt.

    The tokens' last states are averaged twice, evenly and with learned weights, and both averages
    feed one linear head. The weights start even, so that training starts from the plain average.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.words = nn.Embedding(size.vocabulary, size.hidden)
        self.places = nn.Embedding(size.positions, size.hidden)
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
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.drop(self.norm(self.words(ids) + self.places(places)))
        for number, layer in enumerate(self.layers):
            if number == self.size.whole:
                pairs, both = paired(x, mask)
                x, mask = layer(x, mask, pairs), both
            else:
                x = layer(x, mask)
        x = x.float()
        even = mask / mask.sum(dim=1, keepdim=True)
        scores = self.attend(x).squeeze(2).float().masked_fill(~mask, float("-inf"))
        learned = scores.softmax(dim=1)
        return torch.cat([even.unsqueeze(1) @ x, learned.unsqueeze(1) @ x], dim=2).squeeze(1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The head's outputs (n x outputs)."""
        answer: Tensor = self.head(self.pooled(ids, mask))
        return answer


def paired(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Means of neighbours (n x t/2 x hidden), and which of them have a token; t is even."""
    n, t, hidden = x.shape
    each = mask.view(n, t // 2, 2).to(x.dtype)
    share = each / each.sum(dim=2, keepdim=True).clamp(min=1)
    return (x.view(n, t // 2, 2, hidden) * share.unsqueeze(3)).sum(dim=2), each.sum(dim=2) > 0
