"""Broken configurations of many kinds: the text, the line of the fault, and words of the remedy."""

from __future__ import annotations

from dataclasses import dataclass

KEY = "sk-never-shown"

_BOMB = "a: &a [1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@dataclass(frozen=True, slots=True)
class Broken:
    """One file that is refused."""

    text: str | bytes
    line: int
    says: str
    """Words of the message: the field or the fault."""
    remedy: str
    """Words of the message that say what to do."""


def _worker(more: str, line: int, says: str, remedy: str) -> Broken:
    """A file with one worker, whose settings begin on line 2."""
    return Broken(f"workers:\n  - {more}\n", line, f"workers.0{says}", remedy)


_MEANING = "See deploy/lengthwise.yaml"
_YAML = "not valid YAML: "
_QUOTES = "Check indentation and quotes"
_TEXT = "put quotes around text with ': '"

SYNTAX = [
    Broken("listen: [8080\nqueue: {}\n", 2, _YAML, _QUOTES),
    Broken("listen: {port: 1\n", 2, _YAML, _QUOTES),
    Broken("listen:\n  host: 'open\n", 3, _YAML, _QUOTES),
    Broken('listen:\n  host: "open\n', 3, _YAML, _QUOTES),
    Broken("listen: a: b\n", 1, _YAML, _TEXT),
    Broken("queue:\n  max_waiting: 1\n   timeout_s: 2\n", 3, _YAML, _TEXT),
    Broken("queue:\n  max_waiting: 1\n timeout_s: 2\n", 3, _YAML, _QUOTES),
    Broken("queue:\n\tmax_waiting: 1\n", 2, _YAML, "spaces instead of tabs"),
    Broken("queue:\n  max_waiting: 1\n\ttimeout_s: 2\n", 3, _YAML, "spaces instead of tabs"),
    Broken("listen: {}\n---\nqueue: {}\n", 2, _YAML, "Remove the line ---"),
    Broken("listen: *nowhere\n", 1, _YAML, "quotes around text that begins with *"),
    Broken("cors:\n  origins: *\n", 2, _YAML, _QUOTES),
    Broken("cors:\n  origins: [@a]\n", 2, _YAML, "Put quotes around the value"),
    Broken("listen:\n  host: %a\n", 2, _YAML, "Put quotes around the value"),
    Broken("listen:\n  host: `a`\n", 2, _YAML, "Put quotes around the value"),
    Broken("{{ values }}\n", 1, _YAML, "put quotes around braces"),
    Broken("? [a]\n: 1\n", 1, _YAML, "put quotes around braces"),
    Broken("[queue]\nmax_waiting = 1\n", 2, _YAML, _QUOTES),
    Broken("queue: {}\n}\n", 2, _YAML, _QUOTES),
    Broken('queue: {}\nlisten:\n  host: "\\q"\n', 3, _YAML, _QUOTES),
    Broken("queue:\n  max_waiting: 1\n<<<<<<< HEAD\n", 4, _YAML, _QUOTES),
    Broken("queue: !!python/object:os.system x\n", 1, _YAML, "Remove the tag"),
    Broken("listen:\n  host: !ENV HOST\n", 2, _YAML, "Remove the tag"),
    Broken("workers:\n- url: http://a\n  api_key: !vault x\n", 3, _YAML, "Remove the tag"),
    Broken("queue:\n  <<: 5\n", 2, _YAML, "an alias of a group"),
    Broken("queue: {}\nlisten: {host: 2020-13-45}\n", 2, _YAML, _QUOTES),
    Broken(f"queue:\n  max_waiting: {'9' * 5000}\n", 2, _YAML, _QUOTES),
    Broken("queue: {}\na: " + "[" * 5000, 2, _YAML, "Remove brackets"),
    Broken("queue: {}\n" + "- " * 3000 + "1\n", 2, _YAML, _QUOTES),
    Broken(_BOMB, 1, _YAML, "instead of aliases"),
    Broken("queue: &a [*a]\n", 1, _YAML, "instead of aliases"),
    Broken("queue: &a {max_waiting: *a}\n", 1, _YAML, "instead of aliases"),
]

BYTES = [
    Broken("queue: {}\nlisten: {host: é}\n".encode("latin-1"), 2, "0xe9 is not UTF-8", "Save the"),
    Broken("listen: {}\n".encode("utf-16"), 1, "UTF-16, not UTF-8", "Save it as UTF-8"),
    Broken(b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), 1, "UTF-16, not UTF-8", "Save it as UTF-8"),
    Broken("listen: {}\n".encode("utf-32"), 1, "not UTF-8", "Save it as UTF-8"),
    Broken(b"\x7fELF\x02\x01\x01\x00", 1, "U+007F is not valid", "give another file"),
    Broken(b"\x1f\x8b\x08\x00abc", 1, "is not UTF-8", "Save the file as UTF-8"),
    Broken(b"PK\x03\x04\n\n", 1, "U+0003 is not valid", "give another file"),
    Broken(b"\x89PNG\r\n\x1a\n", 1, "0x89 is not UTF-8", "Save the file as UTF-8"),
    Broken(b"queue: {}\n\nlisten:\n  port: 1\x00\n", 4, "U+0000 is not valid", "Remove it"),
    Broken(b"queue:\n  max_waiting: 1\x1b[0m\n", 2, "U+001B is not valid", "Remove it"),
    Broken("queue:\n  max_waiting: 1\x85\x9f\n".encode(), 2, "U+009F is not valid", "Remove it"),
    Broken(b"\xef\xbb\xbflisten:\n  port: x\n", 2, "listen.port", _MEANING),
    Broken(b"listen:\r\n  port: x\r\n", 2, "listen.port", _MEANING),
    Broken("queue:\n\u00a0\u00a0max_waiting: 5\n", 2, r"'\xa0\xa0max_waiting'", "Known here"),
    Broken("queue:\n  max_waiting: “5”\n", 2, "queue.max_waiting", _MEANING),
    Broken("#" * (17 * 2**20), 0, "has more than 16777216 bytes", "Check the path"),
]

NAMES = [
    Broken("queue:\n  # how many\n  max_wating: 7\n", 3, "queue.max_wating", "mean max_waiting?"),
    Broken("lisen:\n  port: 1\n", 1, "lisen", "Did you mean listen?"),
    Broken("listen:\n  zzz: 1\n", 2, "listen.zzz", "Known here: host, port,"),
    Broken("Queue: {}\n", 1, "Queue", "Did you mean queue?"),
    Broken("max_waiting: 5\n", 1, "max_waiting", "Known here: listen,"),
    Broken("queue: {}\n1: 2\n", 2, "1: unknown", "Known here: listen,"),
    Broken("on: 1\n", 1, "on: unknown", "Known here: listen,"),
    Broken("~: 1\n", 1, "'~': unknown", "Known here: listen,"),
    Broken('"": 1\n', 1, "'': unknown", "Known here: listen,"),
    Broken("queue:\n  7: 1\n", 2, "queue.7", "Known here: max_waiting,"),
    Broken("queue.max_waiting: 5\n", 1, "'queue.max_waiting'", "Known here: listen,"),
    Broken("scheduling:\n  agein: 1\n", 2, "scheduling.agein", "Did you mean ageing?"),
    Broken("tenants:\n  known:\n  - {name: a, wieght: 2}\n", 3, "known.0.wieght", "mean weight?"),
    _worker("url: http://a\n    urls: 1", 3, ".urls", "Did you mean url?"),
    _worker("URL: http://a", 2, ".URL", "Did you mean url?"),
    _worker("speed: 2", 2, ".url: is missing", "Add it."),
    Broken("tenants:\n  known: [{name: a}]\n", 2, "tenants.known.0.api_key", "Add it."),
    Broken("queue: {max_waiting: 1}\n\nqueue: {}\n", 3, "queue", "Remove one of the two"),
    Broken("listen:\n  port: 1\n  port: 2\n", 3, "listen.port", "Remove one of the two"),
    _worker("url: http://a\n    speed: 1\n    speed: 1", 4, ".speed", "Remove one of the two"),
]

TYPES = [
    Broken("listen: 8080\n", 1, "listen: must be a group", "as `name: value`"),
    Broken("workers:\n  url: http://a\n", 1, "workers: must be a list", "after `- `"),
    Broken("queue:\n- max_waiting: 1\n", 1, "queue: must be a group", "as `name: value`"),
    Broken("queue:\n  max_waiting:1\n", 1, "queue: must be a group", "as `name: value`"),
    Broken("queue:\n  max_waiting = 1\n", 1, "queue: must be a group", "as `name: value`"),
    Broken("- listen\n", 1, "must be a mapping of settings", "as in deploy/lengthwise.yaml"),
    Broken("lengthwise\n", 1, "must be a mapping of settings", "as in deploy/lengthwise.yaml"),
    Broken("listen:\n  port: many\n", 2, "listen.port", _MEANING),
    Broken("listen:\n  port: 80.5\n", 2, "listen.port", _MEANING),
    Broken("listen:\n  port: 22:22\n", 2, "listen.port", _MEANING),
    Broken("listen:\n  port:\n", 2, "listen.port", _MEANING),
    Broken("listen:\n  host: 5\n", 2, "listen.host", _MEANING),
    Broken("predictor:\n  enabled: perhaps\n", 2, "predictor.enabled", _MEANING),
    Broken("scheduling:\n  policy: lifo\n", 2, "scheduling.policy", _MEANING),
    Broken("scheduling: {affinity: sticky}\n", 1, "scheduling.affinity", _MEANING),
    Broken("cors:\n  origins: 2020-01-01\n", 2, "cors.origins", "after `- `"),
    Broken("cors:\n  origins: https://a\n", 2, "cors.origins", "after `- `"),
    Broken("queue:\n  timeout_s: 10 s\n", 2, "queue.timeout_s", _MEANING),
    Broken("queue:\n  timeout_s: 1,5\n", 2, "queue.timeout_s", _MEANING),
    Broken("workers: http://a\n", 1, "workers", "after `- `"),
    Broken("workers:\n- url: http://a\n- http://b\n", 3, "workers.1: must be a group", "as `name"),
    _worker(f"url: http://a\n    api_key: [{KEY}]", 3, ".api_key", _MEANING),
]

BOUNDS = [
    Broken("listen:\n  port: 65536\n", 2, "listen.port", "less than or equal to 65535"),
    Broken("listen:\n  port: -1\n", 2, "listen.port", "greater than or equal to 0"),
    Broken("queue:\n  timeout_s: 0\n", 2, "queue.timeout_s", "greater than 0"),
    Broken("queue:\n  timeout_s: .inf\n", 2, "queue.timeout_s", "less than or equal to 86400"),
    Broken("health:\n  interval_s: .nan\n", 2, "health.interval_s", _MEANING),
    Broken(f"queue:\n  max_waiting: {'9' * 30}\n", 2, "queue.max_waiting", "to 10000000"),
    Broken("requests: {retries: 1e400}\n", 1, "requests.retries", _MEANING),
    Broken("x: &x {timeout_s: 0}\nqueue:\n  <<: *x\n", 2, "queue.timeout_s", "greater than 0"),
    Broken("scheduling: {kv_overflow: 0.6}\n", 1, "scheduling.kv_overflow", "to 0.5"),
]

WORKERS = [
    _worker("url: gpu", 2, ".url", "valid URL"),
    _worker("url:", 2, ".url", _MEANING),
    _worker("url: ftp://a", 2, ".url", "'http' or 'https'"),
    _worker("url: http://a:99999", 2, ".url", "invalid port"),
    _worker("url: http://a/?x=1", 2, ".url", "without ? and #"),
    _worker('url: "http://a b"', 2, ".url", _MEANING),
    _worker(f"url: http://user:{KEY}@a:xx", 2, ".url", _MEANING),
    _worker("url: http://a\n    api_key: ${VLLM_KEY}", 3, ".api_key: holds ${V", "envsubst"),
    _worker("url: http://${HOST}:8000", 2, ".url: holds ${HOST}", "the variable LENGTHWISE_"),
    _worker('url: http://a\n    api_key: "a\\nb"', 3, ".api_key", "on one line"),
    _worker(f"url: http://u:{KEY}@a\n    api_key: {KEY}", 2, "", "exclude each other"),
]

CONTRADICTIONS = [
    Broken(
        "workers:\n- url: http://a\n- {url: http://a/v1, speed: 2}\n", 1, "workers", "remove one"
    ),
    Broken("workers: []\n", 1, "workers: names no worker", "remove the line"),
    Broken("tenants:\n  max_waiting: 5\n", 1, "tenants", "set fair to true"),
    Broken("learning:\n  refit_s: 60\n", 1, "learning", "set learning.folder"),
    Broken("requests:\n  max_body_bytes: 1000000000\n", 1, "requests", "raise the first"),
    Broken("cors:\n  credentials: true\n", 1, "cors", "name the origins"),
    Broken("cors:\n  origins: [example.org]\n", 2, "cors.origins", "write scheme, host and port"),
    Broken("endpoints:\n  at_once: [v1/x]\n", 2, "endpoints.at_once", _MEANING),
    Broken("discovery: {dns: vllm}\n", 1, "discovery.dns", "must be host:port"),
    Broken('learning:\n  folder: "a\\0b"\n', 2, "learning.folder", "Remove it"),
    Broken(
        f"tenants:\n  known: [{{name: a, api_key: {KEY}}}, {{name: a, api_key: b}}]\n",
        1,
        "tenants",
        "give each its own",
    ),
]

BROKEN = [*SYNTAX, *BYTES, *NAMES, *TYPES, *BOUNDS, *WORKERS, *CONTRADICTIONS]
