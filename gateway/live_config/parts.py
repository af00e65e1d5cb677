"""The parts of the gateway that keep something made of a section, and take a new one."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.access import Access
from gateway.clients.body_bytes import BodyBytes
from gateway.clients.connections import Connections
from gateway.clients.held_answers import HeldAnswers
from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.live_config.live_config import Part
from gateway.metrics import Metrics
from gateway.protocol.cors import Origins
from gateway.requests.endpoint import Endpoint
from gateway.requests.retry_budget import RetryBudget
from gateway.requests.routing import configured_routes
from gateway.scheduling.build_scheduler import configure
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.tenants import Tenancy
from gateway.workers.fleet import Fleet


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What a reload tells. Everything else reads its settings when it needs them."""

    access: Access
    dispatcher: Dispatcher
    fleet: Fleet
    tenancy: Tenancy
    connections: Connections
    origins: Origins
    bodies: BodyBytes
    answers: HeldAnswers
    budget: RetryBudget
    metrics: Metrics
    forecaster: Forecaster
    endpoint: Endpoint

    def all(self) -> list[Part]:
        """The parts with their sections, first those that may refuse theirs."""
        queue = ("scheduling", "queue", "tenants", "slo")
        return [
            Part(
                *(("access",), lambda config: self.access.apply(config.access)),
                lambda config: self.access.prepare(config.access),
            ),
            Part(("tenants",), lambda config: self.tenancy.apply(config.tenants)),
            Part(queue, lambda config: configure(self.dispatcher, config)),
            Part(("scheduling", "health", "requests"), self.fleet.apply),
            Part(("listen",), self._take_listen),
            Part(("cors",), self._take_origins),
            Part(("requests", "endpoints", "learning"), self._take_requests),
            Part(("slo",), self._take_objective),
            Part(("log",), lambda config: self.endpoint.access_log.apply(config.log)),
            Part(("predictor",), lambda config: self.forecaster.apply(config.predictor)),
        ]

    def _take_listen(self, config: Config) -> None:
        self.connections.apply(config.listen)
        self.answers.listen = config.listen

    def _take_origins(self, config: Config) -> None:
        self.origins.apply(config.cors.origins, credentials=config.cors.credentials)

    def _take_objective(self, config: Config) -> None:
        self.metrics.answers.slo = config.slo

    def _take_requests(self, config: Config) -> None:
        self.bodies.most = config.requests.max_bodies_bytes
        self.answers.most = config.requests.max_answers_bytes
        self.budget.settings = config.requests
        self.endpoint.reading.most_values = config.requests.max_json_values
        self.endpoint.routes = configured_routes(config.endpoints)
        self.endpoint.lifecycle.feedback.keep_text = config.learning.keep_text
