"""What the words of ``lengthwise serve`` mean: URLs of workers, and a model for vLLM to load."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.errors import ConfigError
from gateway.config.worker_url import shown_word

_URL = re.compile(r"https?://.", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(?://)?(?:[^\s/]*@)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d+(/.*)?")
_STORES = {"s3", "gs", "az"}
"""Schemes of places from which vLLM loads models."""

_FILES = {".yaml", ".yml"}


@dataclass(slots=True)
class Targets:
    """The URLs of running servers, and the name of the model for which to start vLLM."""

    urls: list[str] = field(default_factory=list)
    model: str | None = None


def read_targets(args: argparse.Namespace) -> Targets:
    """What ``--worker``, ``--model`` and the words without a flag name.

    A word that is a URL is a worker, as if after ``--worker``; another word is a model, as if after
    ``--model`` and as `vllm serve NAME` takes it.

    Raises:
        ConfigError: a word is neither, or vLLM's flags are given without a model; the message says
            what to type.
    """
    targets = Targets(model=_model(args.model) if args.model is not None else None)
    targets.urls += [_worker(url) for url in args.worker or ()]
    for word in args.target:
        if _URL.match(word):
            targets.urls.append(word)
        elif targets.model is not None:
            raise ConfigError(
                f"two models are given, {shown_word(targets.model)} and {shown_word(word)}. One "
                "gateway starts one; start the other with `vllm serve` and give its URL to "
                "--worker."
            )
        else:
            targets.model = _model(_no_other(word))
    if args.vllm_flags and targets.model is None:
        raise ConfigError(
            "the flags after -- are for vLLM, which is started only with a model. Type: lengthwise "
            f"serve --model NAME -- {args.vllm_flags[0]} ..."
        )
    return targets


def _worker(text: str) -> str:
    """The value of ``--worker``."""
    if _URL.match(text):
        return text
    shown = shown_word(text)
    if not text.strip():
        raise ConfigError("--worker is empty. Give a URL, such as http://gpu-1:8000.")
    if _HOST_AND_PORT.fullmatch(text):
        raise ConfigError(f"--worker {shown} has no scheme. Type: --worker http://{_bare(shown)}")
    if "/" in text and "://" not in text:
        raise ConfigError(
            f"--worker {shown} is no URL. To start vLLM with that model, type: --model {shown}"
        )
    return text  # the check of all URLs explains what is wrong


def _model(text: str) -> str:
    """The value of ``--model``."""
    shown = shown_word(text)
    if not text.strip():
        raise ConfigError("--model is empty. Give a model, such as Qwen/Qwen2.5-7B-Instruct.")
    if _URL.match(text):
        raise ConfigError(f"--model {shown} is a URL. For a running server, type: --worker {shown}")
    scheme, found, rest = shown.partition("://")
    if found and scheme.lower() not in _STORES:
        address = rest or "HOST:PORT"
        raise ConfigError(
            f"{shown} is neither a model nor the URL of a server. For a running server, type: "
            f"lengthwise serve http://{address}"
        )
    return text


def _no_other(word: str) -> str:
    """A word without a flag that is no URL: a model's name, unless it looks like something else."""
    shown = shown_word(word)
    if _HOST_AND_PORT.fullmatch(word):
        raise ConfigError(
            f"{shown} has no scheme. For a running server, type: http://{_bare(shown)}"
        )
    if Path(word).suffix.lower() in _FILES:
        raise ConfigError(f"{shown} looks like a configuration. Type: --config {shown}")
    if word.isdecimal():
        raise ConfigError(f"{word} looks like a port. Type: --port {word}")
    return word


def _bare(text: str) -> str:
    return text.removeprefix("//")
