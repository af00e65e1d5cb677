"""JSON Web Tokens: which ones open the gateway, for whom, and where the keys come from."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access.access import Access
from gateway.access.clock import Clock
from gateway.config.access import Access as Settings
from gateway.config.errors import ConfigError
from gateway.config.load import load_config
from gateway.emulator import EmbeddedEmulator
from gateway.protocol.errors import ApiError
from tests.gateway.access.keys import ask, bearer
from tests.gateway.harness import gateway, until
from tests.gateway.scripted import answer, scripted

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(65537, 2048)
ISSUER, AUDIENCE = "https://people.example.org", "lengthwise"
SECRET = "s" * 40


def _entry(kid: str, key: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if key in (RSA, STRANGER) else jwt.algorithms.ECAlgorithm
    entry: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return {**entry, "kid": kid, "use": "sig"}


SET = {
    "keys": [
        _entry("r", RSA),
        _entry("e", EC),
        {"kty": "oct", "kid": "o", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
    ]
}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "r", **claims: Any) -> str:
    """A token that is right but for these claims; None leaves one out."""
    given = {
        **{"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600},
        **claims,
    }
    given = {name: value for name, value in given.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(given, key, algorithm, headers=headers)


def settings(jwks: Path | str, **more: Any) -> dict[str, Any]:
    return {
        "jwt": {"jwks": str(jwks), "issuer": ISSUER, "audience": [AUDIENCE], **more},
        "groups": [{"name": "team", "max_tokens": 7}, {"name": "all"}],
        "default_group": "all",
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(SET))
    return path


def asked(access: Access, key: str) -> str:
    """The name of the holder of a token, or the code of the refusal."""
    scope = {"headers": [(b"authorization", b"Bearer " + key.encode())]}
    try:
        holder = access.holder(scope)
    except ApiError as error:
        return error.code
    assert holder is not None
    return holder.name


def _hs256_with_the_public_key() -> str:
    """The old confusion of algorithms: a public key taken for a shared secret."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _, claims, _ = token().split(".")
    head = _in_base64(json.dumps({"alg": "HS256", "kid": "r", "typ": "JWT"}).encode())
    signature = hmac.digest(pem, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{_in_base64(signature)}"


def _in_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned() -> str:
    return token("", "none")


def _changed() -> str:
    head, _, signature = token().split(".")
    _, claims, _ = token(sub="admin").split(".")
    return f"{head}.{claims}.{signature}"


TOKENS: dict[str, tuple[Callable[[], str], str]] = {
    "right": (token, "alice"),
    "by an elliptic curve": (lambda: token(EC, "ES256", "e"), "alice"),
    "for several": (lambda: token(aud=["other", AUDIENCE]), "alice"),
    "within the leeway": (lambda: token(exp=time.time() - 10), "alice"),  # within the leeway
    "a long name": (lambda: token(sub="Zoë of the team"), "Zoë of the team"),
    "expired": (lambda: token(exp=time.time() - 40), "expired_api_key"),
    "no end": (lambda: token(exp=None), "invalid_api_key"),
    "not yet": (lambda: token(nbf=time.time() + 100), "invalid_api_key"),
    "for another": (lambda: token(aud="other"), "invalid_api_key"),
    "for nobody": (lambda: token(aud=None), "invalid_api_key"),
    "of another issuer": (lambda: token(iss="https://elsewhere.example.org"), "invalid_api_key"),
    "of no issuer": (lambda: token(iss=None), "invalid_api_key"),
    "no name": (lambda: token(sub=None), "invalid_api_key"),
    "an empty name": (lambda: token(sub=""), "invalid_api_key"),
    "a line break in the name": (lambda: token(sub="a\nb"), "invalid_api_key"),
    "a very long name": (lambda: token(sub="x" * 200), "invalid_api_key"),
    "an unknown key": (lambda: token(kid="unknown"), "invalid_api_key"),
    "one of several keys": (lambda: token(kid=None), "invalid_api_key"),  # of several keys, which?
    "another key": (lambda: token(kid="e"), "invalid_api_key"),
    "a stranger's": (lambda: token(STRANGER), "invalid_api_key"),
    "another algorithm": (lambda: token(RSA, "RS512"), "invalid_api_key"),  # not in the settings
    "by a shared secret": (lambda: token(SECRET, "HS256", "o"), "invalid_api_key"),
    "by the public key as a secret": (_hs256_with_the_public_key, "invalid_api_key"),
    "unsigned": (_unsigned, "invalid_api_key"),
    "changed": (_changed, "invalid_api_key"),
    "no token at all": (lambda: "eyJ.eyJ.x", "invalid_api_key"),
    "a bare header": (lambda: "eyJhbGciOiJub25lIn0..", "invalid_api_key"),
    "a longer signature": (lambda: token() + "A", "invalid_api_key"),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_opens_only_what_it_is_for(file: Path, case: str) -> None:
    make, found = TOKENS[case]
    assert asked(Access(Settings(**settings(file), failures_per_min=0)), make()) == found


@pytest.mark.parametrize(
    ("groups", "limit"),
    [
        ("team", 7),
        (["unknown", "team"], 7),
        (["all", "team"], None),
        ("unknown", None),
        (None, None),
        (5, None),
        ([5, "team"], 7),
    ],
)
def test_the_first_known_group_of_a_claim_gives_the_rights(
    file: Path, groups: Any, limit: int | None
) -> None:
    access = Access(Settings(**settings(file, group_claim="groups", name_claim="email")))
    scope = {
        "headers": [(b"x-api-key", token(email="a@example.org", groups=groups).encode())],
    }
    holder = access.holder(scope)
    assert holder is not None
    assert (holder.name, holder.rights.max_tokens) == ("a@example.org", limit)


def test_a_token_that_was_right_expires_and_follows_the_settings(file: Path) -> None:
    now = time.time()
    access = Access(Settings(**settings(file)), Clock(wall=lambda: now))
    given = token(exp=now + 100)
    assert asked(access, given) == "alice"
    now += 131
    assert asked(access, given) == "expired_api_key"
    now -= 131
    assert asked(access, given) == "alice"
    access.apply(Settings(**settings(file, audience=["other"])))
    assert asked(access, given) == "invalid_api_key"
    access.apply(Settings())
    assert not access.on


async def test_a_key_set_is_read_anew_when_it_is_old_or_lacks_a_key(file: Path) -> None:
    steady = 0.0
    access = Access(Settings(**settings(file)), Clock(steady=lambda: steady))
    tokens = access._tokens
    assert tokens is not None
    fresh, old = token(STRANGER, kid="new"), token()
    assert asked(access, old) == "alice"
    file.write_text(json.dumps({"keys": [_entry("new", STRANGER)]}))  # noqa: ASYNC240
    await tokens.look()
    assert asked(access, fresh) == "invalid_api_key"
    steady = 29
    await tokens.look()
    assert asked(access, fresh) == "invalid_api_key"
    steady = 30
    await tokens.look()
    assert asked(access, fresh) == "alice"
    assert asked(access, old) == "invalid_api_key"  # also where it was known
    file.write_text("{")  # noqa: ASYNC240
    steady = 700
    await tokens.look()
    assert asked(access, fresh) == "alice"


async def test_a_key_set_comes_from_a_url(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    content = answer(b"", "302 Found\r\nlocation: http://127.0.0.1:9")

    async def script(_: Any, writer: Any) -> None:
        writer.write(content)

    async with (
        scripted(script) as service,
        gateway(emulator.url, access=settings(service.url + "/jwks")) as running,
    ):
        status, body, headers = await ask(session, running.url, bearer(token()))
        assert (status, body["error"]["code"]) == (503, "key_set_unavailable")
        assert headers["retry-after"] == "5"
        tokens = running.app.state.access._tokens
        await until(lambda: bool(tokens._problem), "the redirect is told")
        content = answer(json.dumps(SET).encode())
        tokens._due = 0
        await until(lambda: tokens.ready, "the key set has come")
        assert (await ask(session, running.url, bearer(token())))[0] == 200
        assert (await ask(session, running.url, bearer(_unsigned())))[0] == 401
    assert "the service answers 302" in caplog.text


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"keys": [{"kty": "RSA"}]}', "x"])
def test_a_file_that_is_no_key_set_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"access\.jwt\.jwks"):
        Access(Settings(**settings(path)))


@pytest.mark.parametrize("lacking", ["issuer", "audience"])
def test_issuer_and_audience_have_to_be_said(lacking: str, file: Path) -> None:
    given = settings(file)
    del given["jwt"][lacking]
    with pytest.raises(ValueError, match="set issuer and audience"):
        Settings(**given)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    env = {"LENGTHWISE_ACCESS_JWT_JWKS": "https://me:secret-word@people.example.org/jwks"}
    with pytest.raises(ConfigError, match="leave it out") as raised:
        load_config(None, env=env)
    assert "secret-word" not in str(raised.value)


async def test_revoking_a_key_ends_no_request_of_a_token(file: Path, tmp_path: Path) -> None:
    access = Access(Settings(**settings(file)))
    scope = {"headers": [(b"authorization", b"Bearer " + token().encode())]}
    with access.admit(scope):
        access.apply(Settings(**settings(file)))
        assert not any(admission._ended for admission in access._running)
        assert len(access._running) == 1
