"""No secret is in the log, whatever a library puts into its errors."""

from __future__ import annotations

import logging
import sys

import pytest
from multidict import CIMultiDict

from gateway.config.settings import Config
from gateway.serve.redaction import Redacting, secrets_of

SECRET = "s3cret-of-a-client"

SHOWN = [
    f"Authorization: Bearer {SECRET}",
    f"authorization: {SECRET}\r\nhost: x",
    f"'Authorization': 'Bearer {SECRET}', 'Host': 'x'",
    f"(b'x-api-key', b'{SECRET}'), (b'host', b'x')",
    f"X-Api-Key={SECRET}",
    f"api-key: {SECRET}",
    f"Cookie: a=1; session={SECRET}",
    f"set-cookie: session={SECRET}; Path=/",
    repr(CIMultiDict({"Authorization": f"Bearer {SECRET}", "Cookie": f"a={SECRET}"})),
    f"got bearer {SECRET} from a client",
    f"url='http://me:{SECRET}@gpu-1:8000/v1'",
    f"http://{SECRET}@gpu-1 and https://a:{SECRET}@gpu-2",
    "Proxy-Authorization: Basic " + SECRET,
]


def written(text: str, *hidden: str, error: BaseException | None = None) -> str:
    """An entry of the log as it is written."""
    form = Redacting("%(levelname)s %(message)s")
    form.hide(hidden)
    trace = (type(error), error, error.__traceback__) if error is not None else None
    return form.format(logging.LogRecord("t", logging.ERROR, __file__, 1, "%s", (text,), trace))


@pytest.mark.parametrize("text", SHOWN)
def test_headers_and_passwords_are_hidden_in_messages_and_traces(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        error = sys.exc_info()[1]
    found = written(text, error=error)
    assert SECRET not in found
    assert found.count("***") >= 2
    assert "ValueError" in found


@pytest.mark.parametrize(
    "text",
    [
        "worker http://gpu-1:8000 joins",
        "worker http://gpu-1:8000 is down: it wants a key: set api_key of this worker",
        "request 7: no answer within 5 s (health.timeout_s)",
        "basic facts of a cookie",
    ],
)
def test_other_entries_stay_as_they_are(text: str) -> None:
    assert written(text) == f"ERROR {text}"


def test_secrets_of_the_configuration_are_hidden_wherever_they_stand() -> None:
    config = Config.model_validate(
        {
            "workers": [
                {"url": "http://me:of-a-proxy@gpu-1", "max_num_seqs": 4},
                {"url": "http://gpu-2", "api_key": "of-a-worker"},
            ],
            "discovery": {"api_key": "of-discovery"},
            "tenants": {"known": [{"name": "a", "api_key": "of-a-tenant"}]},
        }
    )
    secrets = [secret for secret in secrets_of(config) if secret]
    assert sorted(secrets) == ["of-a-proxy", "of-a-tenant", "of-a-worker", "of-discovery"]
    assert written("x of-a-worker, of-a-proxy", *secrets) == "ERROR x ***, ***"
