"""Worker URLs as people write them."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config.errors import ConfigError, Location
from gateway.config.load import load_config, load_workers
from gateway.config.workers import WorkerConfig


def worker(url: str, **more: str | bool) -> WorkerConfig:
    return WorkerConfig.model_validate({"url": url, **more})


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://h:8000", "http://h:8000"),
        ("http://h:8000/", "http://h:8000"),
        ("http://h:8000///", "http://h:8000"),
        ("http://h:8000/v1", "http://h:8000"),
        ("http://h:8000/v1/", "http://h:8000"),
        ("http://h:8000/v1/chat/completions", "http://h:8000"),
        ("https://H/llm/a/v1/", "https://h/llm/a"),
        ("http://h/v1beta", "http://h/v1beta"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://ops:secret@h:8000/v1", "http://h:8000"),
        ("http://ops@h/a", "http://h/a"),
    ],
)
def test_the_url_is_shown_as_the_base_of_the_api_without_credentials(
    written: str, shown: str
) -> None:
    assert worker(written).shown_url == shown
    assert "ops" not in repr(worker(written))


@pytest.mark.parametrize(
    ("written", "credentials"),
    [
        ("http://ops:s3cret@h", "ops:s3cret"),
        ("http://ops:p%40%3A%2F@h", "ops:p@:/"),
        ("http://ops:p@ss@h", "ops:p@ss"),
        ("http://token@h", "token:"),
        ("http://ö:ü@h", "ö:ü"),
    ],
)
def test_user_and_password_become_basic_authorization(written: str, credentials: str) -> None:
    kind, _, value = (worker(written).authorization or "").partition(" ")
    assert (kind, b64decode(value).decode()) == ("Basic", credentials)


@pytest.mark.parametrize("url", ["http://h", "http://@h", "http://:@h"])
def test_without_a_user_there_is_no_authorization(url: str) -> None:
    assert worker(url).authorization is None


def test_an_api_key_and_a_password_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        worker("http://a:b@h", api_key="K")
    with pytest.raises(ValidationError, match="forward_client_credentials exclude each other"):
        worker("http://a:b@h", forward_client_credentials=True)


@pytest.mark.parametrize("url", ["http://h/?a=b", "http://h/#a"])
def test_a_query_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="base URL"):
        worker(url)


@pytest.mark.parametrize(
    "url",
    [
        *("htp://ops:s3cret@h", "http://ops:s3cret@", "http://ops:s3/cret@h:x"),
        *("http://u:s3cret@h?a", "ops:s3cret@h:8000", "ops:s3/cret@h"),
    ],
)
def test_no_error_shows_a_password(url: str, tmp_path: Path) -> None:
    file = tmp_path / "workers.yaml"
    file.write_text(f"- url: '{url}'\n", encoding="utf-8")
    flags: dict[Location, object] = {("workers",): [{"url": url}]}
    env = {"LENGTHWISE_WORKERS": f"[{url}]"}
    for load in (
        lambda: load_workers(file),
        lambda: load_config(None, env={}, flags=flags),
        lambda: load_config(None, env=env),
    ):
        with pytest.raises(ConfigError) as error:
            load()
        assert "cret" not in str(error.value)
        assert "***@" in str(error.value)


@pytest.mark.parametrize("mark", ["?", "#"])
def test_no_error_shows_a_query(mark: str) -> None:
    flags: dict[Location, object] = {("workers",): [{"url": f"http://h/v1{mark}key=s3cret"}]}
    with pytest.raises(ConfigError, match=r"without \? and #") as error:
        load_config(None, env={}, flags=flags)
    assert "cret" not in str(error.value)
