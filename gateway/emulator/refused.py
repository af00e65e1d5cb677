"""Fields that the emulated model does not follow, and refuses instead of ignoring them.

Not here are sampling parameters such as ``top_p``: the text is made up, and fits them all. Fields
that vLLM does not know are ignored, as by vLLM.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.emulator.errors import VllmError

REFUSED = frozenset(
    (
        # What the words must be.
        "logit_bias",
        "allowed_token_ids",
        "bad_words",
        "use_beam_search",
        "suffix",
        "prediction",
        "repetition_detection",
        # What the prompt is made of.
        "prompt_embeds",
        "chat_template",
        "documents",
        "truncate_prompt_tokens",
        "prompt",
        "conversation",
        # What is reported besides the text.
        "prompt_logprobs",
        "logprob_token_ids",
        "return_token_ids",
        "return_tokens_as_token_ids",
        "return_prompt_text",
        "return_token_offsets",
        "enable_response_messages",
        # What is done elsewhere, or in an older way.
        "kv_transfer_params",
        "ec_transfer_params",
        "functions",
        "function_call",
        "audio",
        "web_search_options",
        "logits_processors",
        "mcp_servers",
        "container",
        "previous_input_messages",
    )
)
"""Fields of any API that are refused unless they are empty or false."""

_READ_BY = {"prompt": "/v1/completions"}
"""A field that one API reads."""


def refuse_unfollowed(body: dict[str, Any], path: str) -> None:
    """Refuse a request with a field that would have to be ignored.

    Raises:
        VllmError: 400 that names the field.
    """
    for name in sorted(REFUSED.intersection(body)):
        if body[name] and _READ_BY.get(name) != path:
            message = f"The emulated model does not follow {name}. Leave the field out."
            raise VllmError(message, param=name, value=json.dumps(body[name])[:80])
    best_of = body.get("best_of")
    if best_of not in (None, 1, body.get("n")):
        raise VllmError("best_of must equal n.", param="best_of", value=best_of)
    if "audio" in str(body.get("modalities")):
        raise VllmError("The emulated model writes text only.", param="modalities")
    if (body.get("stream_interval") or 1) != 1:
        message = "The emulated model sends each token by itself."
        raise VllmError(message, param="stream_interval", value=body["stream_interval"])
