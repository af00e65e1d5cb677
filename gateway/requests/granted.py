"""Granted: a request as the rights of its key's holder allow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.access.directory import Holder
from gateway.access.models import check_model, target_model
from gateway.config.access import Rights
from gateway.protocol.errors import ApiError
from gateway.protocol.generating import api_of
from gateway.protocol.lax import whole
from gateway.protocol.multipart import with_form_field
from gateway.protocol.openai import ApiRequest
from gateway.requests.reading import Described
from gateway.requests.rejections import endpoint_refused
from gateway.requests.relay import Relay
from gateway.workers.member import ANY_MODEL
from predictor import Prompt


def as_granted(
    request: ApiRequest, described: Described | None, holder: Holder, content_type: str = ""
) -> tuple[ApiRequest, Described | None]:
    """The request with its model's own name and with token limits that are granted.

    Raises:
        ApiError: the holder may not use the model.
    """
    changes: dict[str, Any] = {}
    if request.model is not None:
        target = target_model(request.model, holder)
        if not request.fields and (target != request.model or holder.rights.models is not None):
            # A form may hold several models, and the server read another one than was checked.
            return _renamed_form(request, target, content_type), described
        if target != request.model:
            changes["model"] = target
    changes |= _token_limits(request, holder.rights)
    if not changes:
        return request, described
    request = request.changed(changes)
    if described is not None:  # of a large body
        described = replace(described, prompt=_prompt(described.prompt, request))
    return request, described


def _token_limits(request: ApiRequest, rights: Rights) -> Mapping[str, int]:
    """Token limits in place of those of the request; a limit of a wrong type is the worker's.

    Without any, the last field of the API is set.
    """
    names, most = api_of(request.endpoint).token_limits, rights.max_tokens
    given = {name: value for name in names if (value := request.fields.get(name)) is not None}
    if names and not given:
        limits = [one for one in (rights.default_max_tokens, most) if one is not None]
        return {names[-1]: min(limits)} if limits else {}
    return {name: most for name, value in given.items() if most and (whole(value) or 0) > most}


def _prompt(prompt: Prompt, request: ApiRequest) -> Prompt:
    return replace(prompt, model=request.model or "", max_tokens=request.max_tokens)


def check_default(holder: Holder, model: str, method: str) -> None:
    """Check the model that a request means without naming one; a GET reveals nothing of a model.

    Raises:
        ApiError: the holder may not use it.
    """
    if model != ANY_MODEL or method == "POST":
        check_model(model, holder)


def check_names_model(request: ApiRequest, holder: Holder, method: str) -> None:
    """Check that the model of a body can be read, where its holder may not use all.

    A server may find a model in a body that the gateway cannot read, such as one that is nested
    deeper.

    Raises:
        ApiError: 400, there is a body, neither JSON object nor form with a model.
    """
    unread = request.body and not request.fields and request.model is None
    if holder.rights.models is None or not unread or method != "POST":
        return
    raise ApiError(
        400,
        f"The API key of {holder.name} does not allow all models, and the gateway cannot read "
        "which one this request asks for. Send a JSON object, or a form with the part model.",
        code="invalid_model",
        param="model",
    )


def check_steers(relay: Relay) -> None:
    """Check that whoever asks may steer engines.

    Raises:
        ApiError: he may not.
    """
    if relay.admission is not None and not relay.admission.holder.rights.steers:
        raise endpoint_refused(relay.method, relay.path.partition("?")[0])


def _renamed_form(request: ApiRequest, model: str, content_type: str) -> ApiRequest:
    """An upload with another model in its form."""
    body = with_form_field(content_type, request.body, "model", model)
    return replace(request, model=model, body=body)
