"""Which settings change while the gateway runs, which need a restart, and what differs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel

from gateway.config.settings import Config

RESTART: Mapping[str, str] = {
    "picker.host": "the picker listens already",
    "picker.port": "the picker listens already",
    "picker.tls": "the picker listens already",
    "picker.max_requests": "the picker listens already",
    "listen.host": "the gateway listens already",
    "listen.port": "the gateway listens already",
    "listen.fronts": "the processes have begun",
    "listen.tls": "the gateway listens already; a new certificate in the same files needs none",
    "admin.listen": "the operators' listener is open already",
    "admin.token": "the operators' listener is open already",
    "admin.metrics_only": "the pages are set up at the start",
    "admin.dashboard": "the pages are set up at the start",
    "predictor.enabled": "the predictor is loaded at the start",
    "predictor.path": "the predictor is loaded at the start; a new model in the same place is not",
    "predictor.refine": "the tiers of the predictor are loaded at the start",
    "log.access_file": "the file of the access records is open",
    "traces.endpoint": "the exporter of traces has begun",
    "traces.sample": "the exporter of traces has begun",
    "traces.service_name": "the exporter of traces has begun",
    "learning.folder": "the served log is open",
    "learning.max_bytes": "the served log is open",
    "learning.refit_s": "refits are planned at the start",
    "shadow.enabled": "the shadow begins with the gateway",
    "usage.file": "the database is open",
    "usage.days": "the database is open",
    "usage.max_keys": "the database is open",
}
"""Settings that a reload leaves as they are, and why."""

LIVE: Mapping[str, Collection[str]] = {
    "listen": (
        *("keep_alive_s", "max_connections", "max_connections_per_address", "header_timeout_s"),
        *("max_header_bytes", "max_headers", "max_url_bytes", "max_pipelined", "send_timeout_s"),
        "send_timeout_queued_s",
    ),
    "access": ("keys_file", "api_keys", "jwt", "groups", "default_group", "failures_per_min"),
    "cors": ("origins", "credentials"),
    "discovery": ("file", "dns", "api_key", "forward_client_credentials", "interval_s"),
    "scheduling": (
        *("policy", "ageing", "level", "kv_overflow", "affinity", "affinity_slack"),
        *("engine_queue", "send_priority", "agent_hints"),
    ),
    "queue": (
        *("max_waiting", "max_waiting_tokens", "reject_hopeless", "timeout_s"),
        *("no_worker_grace_s", "stream_comments_s"),
    ),
    "tenants": ("fair", "regulars", "max_waiting", "known"),
    "requests": (
        *("max_body_bytes", "max_bodies_bytes", "max_json_values", "body_timeout_s", "timeout_s"),
        *("connect_timeout_s", "first_token_timeout_s", "token_timeout_s", "max_answer_bytes"),
        *("max_answers_bytes", "retries", "retry_share", "retries_per_s", "max_sequences"),
    ),
    "endpoints": ("at_once", "queued", "to_every_worker"),
    "health": ("interval_s", "scrape_s", "timeout_s", "stall_s", "failures"),
    "predictor": ("budget_ms", "refine_budget_ms", "reload_s"),
    "learning": ("keep_text",),
    "shadow": ("window_s", "interval_s", "most_requests", "tolerance"),
    "slo": ("ttft_s", "tpot_s"),
    "shutdown": ("lame_duck_s", "drain_timeout_s"),
    "models": ("default", "aliases", "splits", "sticky", "fallbacks"),
    "log": ("level", "access", "repeats_per_min", "debug_headers"),
}
"""Settings that a reload changes, by section; ``workers`` is one setting by itself."""

OPENED = (
    "access: no key is named any more, and requests need one now. A file that is cut off must not "
    "open the gateway to everybody: name a key, or restart the gateway to serve without keys."
)
"""Why a reload does not switch keys off, though it changes each setting of ``access``."""

WORKERS = "workers"


def settings() -> Iterator[tuple[str, str]]:
    """Section and name of every setting; a list is one setting, and ``workers`` has no section."""
    for section, field in Config.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((section, name) for name in kind.model_fields)
        else:
            yield "", section


def named(section: str, name: str) -> str:
    """The name of a setting with its section."""
    return f"{section}.{name}" if section else name


def opens(before: Config, after: Config) -> bool:
    """Whether keys would be needed no longer."""
    return before.access.needs_keys and not after.access.needs_keys


def differing(before: Config, after: Config) -> list[str]:
    """The names of the settings that differ."""
    return [
        named(section, name)
        for section, name in settings()
        if _value(before, section, name) != _value(after, section, name)
    ]


def merged(before: Config, after: Config) -> Config:
    """``after`` with the values of ``before`` for what needs a restart."""
    sections: dict[str, BaseModel] = {}
    for section, name in settings():
        value = _value(before, section, name)
        if named(section, name) in RESTART and value != _value(after, section, name):
            kept = sections.get(section) or getattr(after, section)
            sections[section] = kept.model_copy(update={name: value})
    return after.model_copy(update=sections)


def _value(config: Config, section: str, name: str) -> object:
    return getattr(getattr(config, section) if section else config, name)
