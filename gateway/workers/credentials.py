"""Credentials: which keys and cookies go to a worker, its own or its clients'."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict

from gateway.config.workers import WorkerConfig
from gateway.protocol.headers import CREDENTIALS

NO_KEY_SENT = (
    "it answers requests with 401, so it wants a key: set api_key of this worker, or "
    "forward_client_credentials to send it the clients' own keys (discovery has the same two "
    "settings for workers found by DNS)"
)
"""What is wrong where a worker refuses requests because the client's key is kept from it."""


def own_authorization(config: WorkerConfig) -> dict[str, str]:
    """The header with the worker's own key or password; empty without one."""
    value = config.authorization
    return {"Authorization": value} if value else {}


def headers_for(config: WorkerConfig, client: Mapping[str, str]) -> CIMultiDict[str]:
    """A client's headers as the worker gets them: without keys that are not meant for it."""
    sent = CIMultiDict(client)
    if not config.forward_client_credentials:
        for name in CREDENTIALS:
            sent.popall(name, None)
        sent.update(own_authorization(config))
    return sent


def key_is_missing(config: WorkerConfig, status: int) -> bool:
    """Whether an answer of this status means that the worker wants a key that it does not get."""
    return status == 401 and not (config.authorization or config.forward_client_credentials)


def gateway_is_refused(config: WorkerConfig, status: int) -> bool:
    """Whether an answer of this status refuses the gateway's key, not the client's.

    It is then the worker, as it is configured, that fails every request.
    """
    return status in {401, 407} and not config.forward_client_credentials
