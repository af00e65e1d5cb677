"""The entry of a model in the list of models."""

from __future__ import annotations

import time
import uuid
from typing import Any


def model_card(name: str, root: str, max_model_len: int) -> dict[str, Any]:
    """An entry of GET /v1/models; ``root`` is the model that ``name`` is an alias of."""
    return {
        "id": name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "vllm",
        "root": root,
        "parent": None,
        "max_model_len": max_model_len,
        "permission": [_permission()],
    }


def _permission() -> dict[str, Any]:
    return {
        "id": f"modelperm-{uuid.uuid4().hex}",
        "object": "model_permission",
        "created": int(time.time()),
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
