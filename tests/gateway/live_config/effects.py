"""For each setting that changes live: another value, where its effect is seen, and the effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from gateway.access.api_key import digest
from gateway.protocol.routes import Treatment
from gateway.workers.discovery import Discovery
from gateway.workers.member import Member
from scheduler.kv_forecast import deviations_for
from scheduler.policy import Aged, LevelledOutput, fcfs
from scheduler.worker_spec import WorkerSpec
from tests.gateway.live_config.running import Reloadable, Settings

EMBED = "/v1/embeddings"


@dataclass(frozen=True, slots=True)
class Effect:
    """One change, and how a test sees that it counts."""

    changes: Settings | Callable[[Reloadable], Settings]
    seen: Callable[[Reloadable], Any]
    expected: Any


def _member(running: Reloadable) -> Member:
    member: Member = running.app.state.fleet.members[0]
    return member


def _spec(running: Reloadable) -> WorkerSpec:
    return running.scheduler.workers[_member(running).id].spec


def _discovery(running: Reloadable) -> Discovery:
    discovery: Discovery = running.live._follow.__self__  # type: ignore[attr-defined]
    return discovery


def _claim(running: Reloadable) -> tuple[str, int]:
    tenancy = running.endpoint.lifecycle.tenancy
    claim = tenancy.identify({"authorization": f"Bearer {running.key}"}).claim
    return claim.tenant, claim.urgency


BASE: Settings = {"access": {"api_keys": {"base": "b" * 20}}}
"""Settings at the start: a reload does not switch keys off."""


def _opens(running: Reloadable) -> bool:
    """Whether the key of alice opens the gateway."""
    return running.app.state.access._directory.entry(digest(running.key)) is not None


def _shadow(name: str, value: float) -> Effect:
    return Effect(
        {"shadow": {name: value}}, lambda running: running.app.state.shadow.setup()[name], value
    )


def _drained(running: Reloadable) -> Settings:
    workers = running.settings["workers"]
    return {"workers": [{**one, "draining": True, "speed": 2} for one in workers]}


def _draining(running: Reloadable) -> list[tuple[bool, float]]:
    return [(one.draining, one.backend.config.speed) for one in running.app.state.fleet.members]


def _same(section: str, name: str, value: Any, holder: Callable[[Reloadable], Any]) -> Effect:
    """A setting that a holder of its section reads when it needs it."""
    given = value.get_secret_value() if isinstance(value, SecretStr) else value
    return Effect({section: {name: given}}, lambda running: getattr(holder(running), name), value)


def _listen(name: str, value: Any) -> Effect:
    return _same("listen", name, value, lambda running: running.app.state.connections.listen)


def _found(name: str, value: Any) -> Effect:
    return _same("discovery", name, value, lambda running: _discovery(running)._settings)


def _probed(name: str, value: Any) -> Effect:
    return _same("health", name, value, lambda running: running.app.state.fleet.health._settings)


def _read(section: str, name: str, value: Any) -> Effect:
    """A setting that the requests read from the configuration that all parts share."""

    def holders(running: Reloadable) -> Any:
        endpoint = running.endpoint
        parts = (endpoint, endpoint.lifecycle, endpoint.at_once, endpoint.to_all)
        assert {id(part.config) for part in parts} == {id(running.live.in_force)}
        return getattr(endpoint.config, section)

    return _same(section, name, value, holders)


def _named(name: str, value: Any) -> Effect:
    return _same("models", name, value, lambda running: running.endpoint.models._settings)


def _budget(name: str, value: Any) -> Effect:
    return _same(
        "requests", name, value, lambda running: running.endpoint.lifecycle.budget.settings
    )


def _scheduler(section: str, values: Settings, attribute: str, expected: Any) -> Effect:
    def seen(running: Reloadable) -> Any:
        found: Any = running.scheduler
        for name in attribute.split("."):
            found = getattr(found, name)
        return found

    return Effect({section: values}, seen, expected)


def _route(setting: str, path: str, treatment: Treatment) -> Effect:
    return Effect(
        {"endpoints": {setting: [path]}},
        lambda running: running.endpoint.routes.treatment("POST", path),
        treatment,
    )


EFFECTS: dict[str, Effect] = {
    "workers": Effect(_drained, _draining, [(True, 2.0)]),
    "access.keys_file": Effect(
        lambda running: {"access": {"keys_file": str(running.keys_file)}}, _opens, True
    ),
    "access.api_keys": Effect(
        lambda running: {
            "access": {"api_keys": {"alice": running.key, **BASE["access"]["api_keys"]}}
        },
        _opens,
        True,
    ),
    "access.jwt": Effect(
        {"access": {"jwt": {"leeway_s": 7}}},
        lambda running: running.app.state.access._settings.jwt.leeway_s,
        7.0,
    ),
    "access.groups": Effect(
        {"access": {"groups": [{"name": "team"}]}},
        lambda running: len(running.app.state.access._settings.groups),
        1,
    ),
    "access.default_group": Effect(
        {"access": {"groups": [{"name": "team"}], "default_group": "team"}},
        lambda running: running.app.state.access._settings.default_group,
        "team",
    ),
    "access.failures_per_min": Effect(
        {"access": {"failures_per_min": 7}},
        lambda running: running.app.state.access._failures.most_per_min,
        7,
    ),
    "listen.send_timeout_queued_s": Effect(
        {"listen": {"send_timeout_queued_s": 2}},
        lambda running: running.app.state.connections.answers.listen.send_timeout_queued_s,
        2.0,
    ),
    "requests.max_answers_bytes": Effect(
        {"requests": {"max_answers_bytes": 2**29}},
        lambda running: running.endpoint.answers.most,
        2**29,
    ),
    "listen.keep_alive_s": _listen("keep_alive_s", 30),
    "listen.max_connections": Effect(
        {"listen": {"max_connections": 500}},
        lambda running: running.app.state.connections.most,
        500,
    ),
    "listen.max_connections_per_address": _listen("max_connections_per_address", 400),
    "listen.header_timeout_s": _listen("header_timeout_s", 7.0),
    "listen.max_header_bytes": _listen("max_header_bytes", 9000),
    "listen.max_headers": _listen("max_headers", 50),
    "listen.max_url_bytes": _listen("max_url_bytes", 900),
    "listen.max_pipelined": _listen("max_pipelined", 3),
    "listen.send_timeout_s": _listen("send_timeout_s", 5.0),
    "cors.origins": Effect(
        {"cors": {"origins": ["https://a"]}},
        lambda running: running.live.in_force.cors.origins,
        ("https://a",),
    ),
    "cors.credentials": Effect(
        {"cors": {"origins": ["https://a"], "credentials": True}},
        lambda running: running.live.in_force.cors.credentials,
        True,
    ),
    "discovery.file": Effect(
        {"discovery": {"file": "/nowhere/workers.yaml"}},
        lambda running: "/nowhere" in _discovery(running)._complaints.get("discovery.file", ""),
        True,
    ),
    "discovery.dns": Effect(
        {"discovery": {"dns": "nowhere.invalid:80"}},
        lambda running: "resolve" in _discovery(running)._complaints.get("discovery.dns", ""),
        True,
    ),
    "discovery.api_key": _found("api_key", SecretStr("k")),
    "discovery.forward_client_credentials": _found("forward_client_credentials", True),
    "discovery.interval_s": _found("interval_s", 0.5),
    "scheduling.policy": _scheduler("scheduling", {"policy": "fcfs"}, "policy", fcfs),
    "scheduling.ageing": _scheduler(
        "scheduling", {"ageing": 0.5}, "policy", Aged(LevelledOutput(0.85), 0.5)
    ),
    "scheduling.level": _scheduler(
        "scheduling", {"level": 2}, "policy", Aged(LevelledOutput(2.0), 0.1)
    ),
    "scheduling.kv_overflow": Effect(
        {"scheduling": {"kv_overflow": 0.2}},
        lambda running: _spec(running).deviations,
        deviations_for(0.2),
    ),
    "scheduling.affinity": _scheduler(
        "scheduling", {"affinity": "session"}, "_placement.slack", 0.25
    ),
    "scheduling.affinity_slack": _scheduler(
        "scheduling",
        {"affinity": "session", "affinity_slack": 0.5},
        "_placement.slack",
        0.5,
    ),
    "scheduling.engine_queue": Effect(
        {"scheduling": {"engine_queue": 7}}, lambda running: _spec(running).engine_queue, 7
    ),
    "scheduling.send_priority": _read("scheduling", "send_priority", False),
    "scheduling.agent_hints": _read("scheduling", "agent_hints", True),
    "queue.max_waiting": _scheduler("queue", {"max_waiting": 900}, "_bounds.max_waiting", 900),
    "queue.max_waiting_tokens": _scheduler(
        "queue", {"max_waiting_tokens": 7000}, "_bounds.max_waiting_tokens", 7000.0
    ),
    "queue.reject_hopeless": _read("queue", "reject_hopeless", "slo"),
    "queue.timeout_s": _read("queue", "timeout_s", 50.0),
    "queue.no_worker_grace_s": _scheduler("queue", {"no_worker_grace_s": 3}, "_outages.grace", 3.0),
    "queue.stream_comments_s": _read("queue", "stream_comments_s", 5.0),
    "tenants.fair": _scheduler("tenants", {"fair": True}, "_bounds.max_waiting_per_tenant", 5000),
    "tenants.regulars": Effect(
        {"tenants": {"regulars": 5}},
        lambda running: running.endpoint.lifecycle.tenancy._regulars.most,
        5,
    ),
    "tenants.max_waiting": _scheduler(
        "tenants", {"fair": True, "max_waiting": 70}, "_bounds.max_waiting_per_tenant", 70
    ),
    "tenants.known": Effect(
        lambda running: {
            "tenants": {
                "fair": True,
                "known": [{"name": "chat", "api_key": running.key, "urgency": -1}],
            }
        },
        _claim,
        ("chat", -1),
    ),
    "requests.max_body_bytes": _read("requests", "max_body_bytes", 9000),
    "requests.max_bodies_bytes": Effect(
        {"requests": {"max_bodies_bytes": 2**29}},
        lambda running: running.endpoint.bodies.most,
        2**29,
    ),
    "requests.max_json_values": Effect(
        {"requests": {"max_json_values": 20_000}},
        lambda running: running.endpoint.reading.most_values,
        20_000,
    ),
    "requests.body_timeout_s": _read("requests", "body_timeout_s", 9.0),
    "requests.timeout_s": _read("requests", "timeout_s", 90.0),
    "requests.connect_timeout_s": Effect(
        {"requests": {"connect_timeout_s": 3}},
        lambda running: _member(running).backend.timeout.connect,
        3.0,
    ),
    "requests.first_token_timeout_s": _read("requests", "first_token_timeout_s", 30.0),
    "requests.token_timeout_s": _read("requests", "token_timeout_s", 40.0),
    "requests.max_answer_bytes": _read("requests", "max_answer_bytes", 2**20),
    "requests.retries": _budget("retries", 1),
    "requests.retry_share": _budget("retry_share", 0.5),
    "requests.retries_per_s": _budget("retries_per_s", 20.0),
    "requests.max_sequences": _read("requests", "max_sequences", 9),
    "endpoints.at_once": _route("at_once", EMBED, Treatment.AT_ONCE),
    "endpoints.queued": _route("queued", "/plugin", Treatment.QUEUED),
    "endpoints.to_every_worker": _route("to_every_worker", "/sleep", Treatment.TO_ALL),
    "health.interval_s": _probed("interval_s", 0.2),
    "health.scrape_s": _probed("scrape_s", 0.5),
    "health.timeout_s": _probed("timeout_s", 4.0),
    "health.stall_s": _probed("stall_s", 30.0),
    "health.failures": _probed("failures", 5),
    "predictor.budget_ms": Effect(
        {"predictor": {"budget_ms": 100}},
        lambda running: running.app.state.forecaster._budget_s,
        0.1,
    ),
    "predictor.refine_budget_ms": Effect(
        {"predictor": {"refine_budget_ms": 100}},
        lambda running: running.app.state.forecaster._refine_budget_s,
        0.1,
    ),
    "predictor.reload_s": _read("predictor", "reload_s", 1.0),
    "learning.keep_text": Effect(
        {"learning": {"keep_text": True}},
        lambda running: running.endpoint.lifecycle.feedback.keep_text,
        True,
    ),
    "shadow.window_s": _shadow("window_s", 60.0),
    "shadow.interval_s": _shadow("interval_s", 5.0),
    "shadow.most_requests": _shadow("most_requests", 500),
    "shadow.tolerance": _shadow("tolerance", 0.1),
    "slo.ttft_s": Effect(
        {"slo": {"ttft_s": 3}},
        lambda running: running.app.state.metrics.answers.slo.ttft_s,
        3.0,
    ),
    "slo.tpot_s": Effect(
        {"slo": {"tpot_s": 0.1}},
        lambda running: running.app.state.metrics.answers.slo.tpot_s,
        0.1,
    ),
    "shutdown.lame_duck_s": _read("shutdown", "lame_duck_s", 1.0),
    "shutdown.drain_timeout_s": _read("shutdown", "drain_timeout_s", 60.0),
    "log.level": _read("log", "level", "warning"),
    "log.access": Effect(
        {"log": {"access": "json"}}, lambda running: running.endpoint.access_log.on, True
    ),
    "log.repeats_per_min": _read("log", "repeats_per_min", 7),
    "log.debug_headers": _read("log", "debug_headers", "always"),
    "models.default": _named("default", "emulated"),
    "models.aliases": _named("aliases", {"gpt": "emulated"}),
    "models.splits": _named("splits", {"canary": {"emulated": 1.0}}),
    "models.sticky": _named("sticky", "key"),
    "models.fallbacks": _named("fallbacks", {"emulated": ("other",)}),
}


def changes_of(name: str, running: Reloadable) -> Settings:
    """What the file holds otherwise for the effect of a setting."""
    changes = EFFECTS[name].changes
    return changes(running) if callable(changes) else changes
