"""What people type after ``lengthwise serve``: done as meant, or refused with what to type."""

from __future__ import annotations

import pytest

from gateway.command_line.parser import parse
from gateway.config.errors import ConfigError
from gateway.serve.targets import Targets, read_targets


def targets(*arguments: str) -> Targets:
    return read_targets(parse(["serve", *arguments]))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Targets()),
        (["Qwen/X"], Targets(model="Qwen/X")),
        (["./models/x"], Targets(model="./models/x")),
        (["s3://bucket/x"], Targets(model="s3://bucket/x")),
        (["http://a:1"], Targets(urls=["http://a:1"])),
        (["HTTPS://a", "http://b"], Targets(urls=["HTTPS://a", "http://b"])),
        (["--worker", "http://a", "http://b"], Targets(urls=["http://a", "http://b"])),
        (["--model", "m", "http://b"], Targets(urls=["http://b"], model="m")),
        (["Qwen/X", "--", "--seed", "1"], Targets(model="Qwen/X")),
    ],
)
def test_a_model_or_a_url_needs_no_flag(arguments: list[str], expected: Targets) -> None:
    assert targets(*arguments) == expected


def test_the_flags_of_vllm_are_the_words_after_the_dashes() -> None:
    args = parse(["serve", "m", "--port", "1", "--", "--port", "2", "--", "x"])
    assert (args.port, args.vllm_flags) == ("1", ["--port", "2", "--", "x"])


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["gpu-1:8000"], "type: http://gpu-1:8000"),
        (["--worker", "gpu-1:8000"], "Type: --worker http://gpu-1:8000"),
        (["--worker", "[::1]:8000"], "Type: --worker http://[::1]:8000"),
        (["--worker", "Qwen/X"], "type: --model Qwen/X"),
        (["--worker", ""], "Give a URL"),
        (["--model", "http://a"], "type: --worker http://a"),
        (["--model", " "], "Give a model"),
        ([""], "Give a model"),
        (["htp://gpu-1:8000"], "type: lengthwise serve http://gpu-1:8000"),
        (["http://"], "type: lengthwise serve http://HOST:PORT"),
        (["--model", "htp://gpu-1:8000"], "type: lengthwise serve http://gpu-1:8000"),
        (["lengthwise.yaml"], "Type: --config lengthwise.yaml"),
        (["8081"], "Type: --port 8081"),
        (["a/b", "c/d"], "two models are given, a/b and c/d"),
        (["--", "--seed", "1"], "Type: lengthwise serve --model NAME -- --seed ..."),
    ],
)
def test_other_words_are_refused_with_what_to_type(arguments: list[str], remedy: str) -> None:
    with pytest.raises(ConfigError) as error:
        targets(*arguments)
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    "word",
    [
        "ftp://me:{}@gpu-1:8000",
        "me:{}@gpu-1:8000",
        "//me:{}@gpu-1:8000",
        "http:/me:{}@gpu-1:8000 other",
        "htp://gpu-1/?api_key={}",
    ],
)
@pytest.mark.parametrize("flag", [[], ["--worker"], ["--model"]])
def test_no_error_shows_a_password(word: str, flag: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        targets(*flag, word.format("p@ss/w0rd"), "a/b", "c/d")
    assert "w0rd" not in str(error.value)
