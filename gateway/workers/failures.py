"""Failures of a worker, told without the headers and URLs that aiohttp puts into its errors."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp
from yarl import URL

FAILURES = (aiohttp.ClientError, ConnectionError, TimeoutError)
"""Errors that mean that the worker is broken, slow or unreachable."""


KEY_REFUSED = frozenset((401, 403, 407))
"""Statuses by which a server refuses a key, or the want of one."""


class Refused(aiohttp.ClientError):
    """The worker has answered a probe, but not with what the gateway needs.

    ``status`` is the answer's, 200 if only the body is wrong.
    """

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.status = status


class ExchangeEnded(aiohttp.ClientError):
    """The gateway has ended an exchange with a worker; the text says why."""


class WorkerRedirects(Refused):
    """The worker answered with a redirect, which would carry requests and keys elsewhere."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        super().__init__(
            f"{response.method} {response.url.path} is redirected ({response.status}) to "
            f"{_shown(response.headers['Location'])}. The gateway follows no redirects: give the "
            "worker's URL as the address that answers by itself.",
            response.status,
        )


def reason(error: BaseException) -> str:
    """What went wrong, for logs and for ``GET /ready``: never a key, a cookie or a whole URL.

    The text of an error of aiohttp may hold the request's headers and URL.
    """
    match error:
        case Refused() | ExchangeEnded():
            text = str(error)
        case TimeoutError():
            text = "no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            text = f"TLS: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            text = f"no connection: {error.os_error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            text = "the connection was closed without an answer"
        case aiohttp.ClientResponseError():
            text = f"no proper HTTP: {type(error).__name__}"
        case aiohttp.ClientPayloadError():
            text = str(error)
            if text.startswith("Response payload"):  # aiohttp's own texts quote the answer
                text = "the answer broke off"
        case OSError() if error.strerror:
            text = f"the connection broke: {error.strerror}"
        case _:
            text = f"the connection broke: {type(error).__name__}"
    return text


def trouble(error: BaseException) -> str:
    """What kind of trouble a worker is in whose probe has failed so, for its clients.

    Less than ``reason`` tells: a client may be a stranger.
    """
    match error:
        case Refused() if error.status in KEY_REFUSED:
            return "refuses the gateway's credentials (the worker's api_key)"
        case Refused() if error.status >= 500:
            return "fails its health check"
        case Refused():
            return "answers unlike a vLLM server"
        case TimeoutError():
            return "does not answer its health check in time"
        case _:
            return "cannot be reached"


def refuse_redirect(response: aiohttp.ClientResponse) -> None:
    """Close an answer that is a redirect.

    Raises:
        WorkerRedirects: it is one.
    """
    if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
        response.close()
        raise WorkerRedirects(response)


def refusal(path: str, status: int, *, with_key: bool) -> Refused:
    """The failure of a probe of ``path`` that was answered with ``status``, with its remedy."""
    answer = f"{path} answers {status} {_phrase(status)}".rstrip()
    if status in KEY_REFUSED:
        remedy = (
            "the key of this worker is refused: correct api_key, or user and password in the url"
            if with_key
            else "it wants a key: set api_key of this worker to the server's --api-key "
            "(discovery.api_key for workers found by DNS); probes carry no client's key"
        )
    elif status in {404, 405}:
        remedy = "give the base URL of a vLLM server"
    elif status in {502, 503, 504}:
        remedy = "the server loads its model, or its engine has died: see its log"
    else:
        remedy = "see the server's log"
    return Refused(f"{answer}; {remedy}", status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _shown(location: str) -> str:
    """The address without user, password and query, which may hold secrets."""
    try:
        url = URL(location)
        return str(url.with_user(None).with_query(None)) if url.absolute else url.path
    except ValueError:
        return "another address"
