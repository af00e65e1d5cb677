"""Dashboard "Lengthwise: Workers and KV cache"."""

from __future__ import annotations

from board import Board
from panels.kv_cache import KV_CACHE
from panels.process import PROCESS
from panels.workers import WORKERS as ROW

WORKERS = Board(
    uid="lengthwise-workers",
    title="Lengthwise: Workers and KV cache",
    description="State, load and KV memory of each worker, and the gateway's process.",
    variables=(
        "instance",
        "worker",
    ),
    rows=(
        ("Workers", ROW),
        ("KV cache", KV_CACHE),
        ("Process", PROCESS),
    ),
)
