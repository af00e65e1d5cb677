"""Which paths exist and how each is treated; the README shows the same table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.protocol.routes import ROUTES, Routes, Treatment, endpoint_of, treatment_of

README = Path(__file__).parents[3] / "gateway" / "README.md"


@pytest.mark.parametrize(
    ("path", "treatment"),
    [
        ("/v1/chat/completions", Treatment.GENERATES),
        ("/v1/chat/completions/", Treatment.GENERATES),
        ("/v1/chat/completions/render", Treatment.AT_ONCE),
        ("/invocations", Treatment.GENERATES),
        ("/v1/responses", Treatment.GENERATES),
        ("/v1/responses/resp_1", Treatment.STORED),
        ("/v1/responses/resp_1/cancel", Treatment.STORED),
        ("/v1/messages/count_tokens", Treatment.AT_ONCE),
        ("/tokenize", Treatment.AT_ONCE),
        ("/v1/embeddings", Treatment.QUEUED),
        ("/v1/audio/transcriptions", Treatment.QUEUED),
        ("/v2/rerank", Treatment.QUEUED),
        ("/v1/audio/speech", Treatment.UNKNOWN),
        ("/v1/anything/new", Treatment.UNKNOWN),
        ("/inference/v1/generate", Treatment.UNKNOWN),
        ("/v1/models/a/b", Treatment.OWN),
        ("/nothing", Treatment.UNKNOWN),
        ("/", Treatment.UNKNOWN),
        ("/docs", Treatment.UNKNOWN),
    ],
)
def test_a_path_has_its_treatment(path: str, treatment: Treatment) -> None:
    assert Routes().treatment("POST", path) is treatment


@pytest.mark.parametrize(
    "path",
    [
        "/sleep",
        "/reset_prefix_cache",
        "/update_weights",
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
        "/load_lora_adapter",
        "/v1/sleep",
        "/v1/load_lora_adapter/",
        "//sleep",
        "/v1//load_lora_adapter",
        "/v1/./load_lora_adapter",
        "/start_profile",
        "/fault_tolerance/apply",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_steers_an_engine_is_refused_however_it_is_written(method: str, path: str) -> None:
    assert Routes().treatment(method, path) is Treatment.STEERS


@pytest.mark.parametrize("path", ["/v1/../sleep", "/v1/responses/../../sleep", "/..", "/v1/a/.."])
def test_a_path_that_leads_elsewhere_is_unknown(path: str) -> None:
    assert Routes().treatment("POST", path) is Treatment.UNKNOWN


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/rerank", "/new"])
def test_only_a_post_waits(path: str) -> None:
    routes = Routes(queued=["/new"])
    assert routes.treatment("OPTIONS", path) is Treatment.AT_ONCE
    assert routes.treatment("POST", path) is not Treatment.AT_ONCE


def test_the_operator_makes_exceptions() -> None:
    routes = Routes(at_once=["/v1/embeddings", "/plugin"], to_all=["/sleep"], queued=["/v1/new"])
    assert routes.treatment("POST", "/v1/embeddings/") is Treatment.AT_ONCE
    assert routes.treatment("POST", "/plugin") is Treatment.AT_ONCE
    assert routes.treatment("POST", "/v1/new/") is Treatment.QUEUED
    assert routes.treatment("POST", "/v1/new/er") is Treatment.UNKNOWN
    assert routes.treatment("POST", "/sleep") is Treatment.TO_ALL
    assert routes.treatment("POST", "/wake_up") is Treatment.STEERS


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/chat/completions", "OPTIONS POST"),
        ("/v1//embeddings/", "OPTIONS POST"),
        ("/v1/responses/resp_1", "DELETE GET HEAD OPTIONS POST"),
        ("/version", "GET HEAD OPTIONS"),
        ("/health", "GET HEAD"),
        ("/sleep", "DELETE GET HEAD OPTIONS PATCH POST PUT"),
        ("/plugin", "DELETE GET HEAD OPTIONS PATCH POST PUT"),
        ("/unknown", ""),
        ("/v1/responses/../x", ""),
    ],
)
def test_a_path_has_its_methods(path: str, methods: str) -> None:
    assert sorted(Routes(at_once=["/plugin"]).methods(path)) == methods.split()


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions/", "chat/completions"),
        ("/invocations", "invocations"),
        ("/v2/rerank", "v2/rerank"),
    ],
)
def test_an_endpoint_is_named_after_its_path(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


def test_the_readme_shows_the_table() -> None:
    section = README.read_text(encoding="utf-8").partition("### Paths\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.MULTILINE)
    shown = {path: answer for paths, answer in rows for path in re.findall(r"`(/[^`]*)`", paths)}
    for path, treatment in ROUTES.items():
        assert shown.pop(path, "").startswith(treatment.value), path
    assert not shown, "the table in gateway/protocol/routes.py lacks these"


def test_usual_paths_are_looked_up_once_and_rare_ones_are_not_kept_for_ever() -> None:
    routes = Routes()
    routes.treatment("POST", "/v1/chat/completions")
    before = treatment_of.cache_info()
    for _ in range(10):
        assert routes.treatment("POST", "/v1/chat/completions") is Treatment.GENERATES
        assert routes.methods("/v1/chat/completions") == ("OPTIONS", "POST")
    assert treatment_of.cache_info().misses == before.misses
    for number in range(1000):
        assert routes.treatment("POST", f"/v1/unknown/{number}") is Treatment.UNKNOWN
    assert treatment_of.cache_info().currsize < 100
