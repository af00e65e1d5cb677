"""Dashboard "Lengthwise: Tenants and limits"."""

from __future__ import annotations

from board import Board
from panels.limits import LIMITS
from panels.tenants import TENANTS as ROW

TENANTS = Board(
    uid="lengthwise-tenants",
    title="Lengthwise: Tenants and limits",
    description="Who waits, who has used how much, and which limits turn requests away.",
    variables=("model",),
    rows=(
        ("Tenants", ROW),
        ("Limits", LIMITS),
    ),
)
