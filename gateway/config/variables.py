"""Settings in the environment: values as YAML or as text, and names that are no setting's."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, SecretStr

from gateway.config.errors import ConfigError, Location, shown
from gateway.config.settings import Config
from gateway.config.yaml_values import load_yaml

log = logging.getLogger("lengthwise")

PREFIX = "LENGTHWISE_"
WORKERS = f"{PREFIX}WORKERS"
FINDERS = (f"{PREFIX}DISCOVERY_DNS", f"{PREFIX}DISCOVERY_FILE")

KEY = f"{PREFIX}ACCESS_KEY_"
"""Beginning of the variables that hold one API key each: the rest is its holder's name."""

_FRONTS = {"SCHEDULER", "FRONT", "SCHEDULER_TOKEN", "SCHEDULER_CA"}
"""What ``remote_scheduler.address`` reads."""
_OTHERS = {f"{PREFIX}{name}" for name in ("ADMIN", "DATA", "VLLM_HOME", *_FRONTS)}
_KUBERNETES = re.compile(
    r"LENGTHWISE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes sets for services whose names begin with lengthwise."""
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://.*")
_WORKER_WORDS = re.compile(r".*(WORKER|BACKEND|SERVER|URL)S?(_URLS?)?")
_EXAMPLE = f"{WORKERS}=http://gpu-1:8000,http://gpu-2:8000"
_NEAR = 0.75  # similarity, by difflib, above which a name is taken for a misspelt one

Given = tuple[Location, object, str]
"""A setting, its value, and the variable that gave it."""


def variables(env: Mapping[str, str], overridden: Collection[Location] = ()) -> Iterator[Given]:
    """The settings that the environment gives, without those ``overridden`` by flags.

    Raises:
        ConfigError: a value cannot be read, is empty where a value is needed, or belongs to a
            misspelt name.
    """
    known = dict(_known(Config, ()))
    for name in sorted(name for name in env if name.startswith(PREFIX)):
        if name.startswith(KEY) and name not in known:
            yield _key(name, env[name])
        elif name not in known:
            _check_unknown(name, env[name], known)
        elif known[name][0] not in overridden:
            location, kind = known[name]
            yield location, _value(name, location, kind, env[name]), f"environment variable {name}"


def _key(name: str, text: str) -> Given:
    """An API key of ``access.api_keys``, as text; its holder's name is in small letters."""
    holder = name.removeprefix(KEY).lower()
    if holder == "file":
        raise ConfigError(
            f"environment variable {name}: unknown setting. Did you mean {PREFIX}ACCESS_KEYS_FILE?"
        )
    return ("access", "api_keys", holder), text.strip(), f"environment variable {name}"


def empty_finder(env: Mapping[str, str]) -> str | None:
    """A variable that should name where workers are found, and is empty; None if there is none."""
    return next((name for name in FINDERS if name in env and not env[name].strip()), None)


def _known(model: type[BaseModel], parent: Location) -> Iterator[tuple[str, tuple[Location, Any]]]:
    """Variable -> setting and type. A list has one variable for the whole list."""
    for name, field in model.model_fields.items():
        kind, location = field.annotation, (*parent, name)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _known(kind, location)
        else:
            yield PREFIX + "_".join(map(str, location)).upper(), (location, kind)


def _value(name: str, location: Location, kind: Any, text: str) -> object:
    """A secret is the text itself, a path or a name is text even if it looks like a number."""
    kinds = {kind, *get_args(kind)}
    if name == WORKERS:
        return _workers(location, text)
    if not text.strip() and type(None) not in kinds:
        raise ConfigError(
            f"environment variable {name} is empty. Give a value, or unset it for the default."
        )
    if SecretStr in kinds:
        return text.strip() or None
    value = _parsed(name, location, text, strict=not kinds & {str, Path})
    return text.strip() if kinds & {str, Path} and not isinstance(value, str | None) else value


def _parsed(name: str, location: Location, text: str, *, strict: bool) -> object:
    """The text as YAML; as it is, unless ``strict``, where it is no YAML."""
    try:
        return load_yaml(text)
    except yaml.YAMLError:
        if not strict:
            return text.strip()
        raise ConfigError(
            f"environment variable {name}: {shown(location, text)} is not valid YAML. Check its "
            "quotes."
        ) from None


def _workers(location: Location, text: str) -> object:
    """The list of workers: YAML, or URLs with commas or spaces between them."""
    words = text.replace(",", " ").split()
    if words and all(re.match("https?://", word) for word in words):
        return [{"url": word} for word in words]
    value = _parsed(WORKERS, location, text, strict=True)
    if not value:
        raise ConfigError(
            f"environment variable {WORKERS} names no worker. Give one, as in {_EXAMPLE}, or unset "
            "it for an emulated worker."
        )
    if isinstance(value, str):
        raise ConfigError(
            f"environment variable {WORKERS} is no list of URLs{_got(location, value)}. Give them "
            f"with http://, as in {_EXAMPLE}."
        )
    return value


def _got(location: Location, value: str) -> str:
    return "" if "@" in value else f" (got {shown(location, value)})"  # not user:password@host


def _check_unknown(name: str, value: str, known: Mapping[str, object]) -> None:
    """Refuse a misspelt name; tell one that is far from all names, but for Kubernetes's own."""
    if name in _OTHERS or _KUBERNETES.fullmatch(name):
        return
    if name.endswith("PORT") and _KUBERNETES_PORT.fullmatch(value):
        return
    nearest = _nearest(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known])
    if nearest is not None:
        raise ConfigError(
            f"environment variable {name}: unknown setting. Did you mean {PREFIX}{nearest}?"
        )
    log.warning(
        "environment variable %s names no setting and is ignored; the setting a.b is %sA_B",
        name,
        PREFIX,
    )


def _nearest(name: str, known: Collection[str]) -> str | None:
    """The known name of most letters in common, else one that ends alike."""
    if close := get_close_matches(name, known, n=1, cutoff=_NEAR):
        return close[0]
    if ending := [one for one in known if one.endswith(f"_{name}")]:
        return ending[0]
    return "WORKERS" if _WORKER_WORDS.fullmatch(name) else None
