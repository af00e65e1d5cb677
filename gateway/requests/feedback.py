"""Feedback: passes an ended request to the metrics, the forecaster and the served log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.observation import Observation
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import Metrics
from gateway.requests.in_flight import InFlightRequest
from gateway.requests.traced import exemplar
from gateway.shadow.feed import Feed
from predictor.adaptive.keys import NO_KEY, PROMPT, SKELETON, SYSTEM
from predictor.features.definition import feature_hash
from predictor.inference.request_kind import kind_fields
from predictor.inference.tiered import Prediction
from predictor.raw_forecast import QUANTILES
from predictor.served_log import FINISHED_ITSELF, ServedRecord

if TYPE_CHECKING:
    from predictor.served_log import ServedLog


@dataclass(slots=True)
class Feedback:
    """Tells the metrics, the forecaster and the served log how requests ended."""

    forecaster: Forecaster
    metrics: Metrics
    log: ServedLog | None
    keep_text: bool
    """Whether prompts' texts go into the served log."""
    shadow: Feed | None = None
    """What the shadow is told; None where it is off."""
    observed: Callable[[Observation], None] | None = None
    """Told what each answer teaches, where other processes are to learn it too."""

    def begun(self, in_flight: InFlightRequest) -> None:
        """Take a request that has its forecast."""
        if self.shadow is not None and in_flight.relay.request.generates:
            self.shadow.begin(in_flight.job)

    def answered(self, in_flight: InFlightRequest) -> None:
        """Take a request whose answer is complete."""
        relay, job = in_flight.relay, in_flight.job
        record, usage = relay.record, relay.usage
        record.finished = asyncio.get_running_loop().time()
        record.prompt_tokens, record.output_tokens = usage.prompt_tokens, usage.output_tokens
        if not relay.request.generates:
            return
        self._tell(in_flight, usage.output_tokens, whole=True)
        self.metrics.answers.observe(self.metrics.shown(job.model), record, exemplar())
        self.metrics.genai.observe(relay.request.endpoint, self.metrics.shown(job.model), record)
        if usage.output_tokens:
            reasons = usage.finish_reasons  # none: nobody says that the answer ended by itself
            censored = not reasons or not reasons <= set(FINISHED_ITSELF)
            self._learn(in_flight, ",".join(sorted(reasons)), censored=censored)

    def broken_off(self, in_flight: InFlightRequest) -> None:
        """Take a request without a complete answer: a hang-up, a timeout, an error or a cut.

        The tokens generated until then are a lower bound of the answer's length.
        """
        relay = in_flight.relay
        if relay.request.generates:
            self._tell(in_flight, relay.tokens, whole=False)
        if not relay.request.generates or not relay.tokens:
            return
        relay.record.finished = asyncio.get_running_loop().time()
        relay.record.output_tokens = relay.tokens
        self._learn(in_flight, "aborted", censored=True)

    def _tell(self, in_flight: InFlightRequest, tokens: int | None, *, whole: bool) -> None:
        """Tell the shadow that a request has ended."""
        if self.shadow is not None:
            record, length = in_flight.relay.record, in_flight.forecast.length
            worker = in_flight.worker
            self.shadow.end(
                in_flight.job,
                record,
                length,
                worker,
                whole=whole and bool(tokens),
                tokens=tokens or 0,
            )

    def _learn(self, in_flight: InFlightRequest, finish_reason: str, *, censored: bool) -> None:
        record, model = in_flight.relay.record, in_flight.job.model
        self.metrics.forecasts.labels(in_flight.forecast.tier).inc()
        self.forecaster.learn_prompt(model, in_flight.parts, record.prompt_tokens)
        if in_flight.job.sequences == 1:
            self.forecaster.learn(
                in_flight.prompt,
                in_flight.forecast,
                output_tokens=record.output_tokens,
                censored=censored,
            )
        if self.observed is not None:
            self.observed(self._observation(in_flight, censored=censored))
        if self.log is not None:
            self.log.append(self._record(in_flight, finish_reason, censored=censored))

    def _observation(self, in_flight: InFlightRequest, *, censored: bool) -> Observation:
        record, one = in_flight.relay.record, in_flight.job.sequences == 1
        predictions = in_flight.forecast.predictions
        return Observation(
            in_flight.job.model,
            in_flight.parts,
            record.prompt_tokens,
            record.output_tokens if one else 0,
            censored,
            predictions[0].artefact_id if predictions else "",
            tuple(prediction.forecast for prediction in predictions) if one else (),
        )

    def _record(
        self, in_flight: InFlightRequest, finish_reason: str, *, censored: bool
    ) -> ServedRecord:
        relay, job, prompt = in_flight.relay, in_flight.job, in_flight.prompt
        record = relay.record
        offset = time.time() - asyncio.get_running_loop().time()
        return ServedRecord(
            id=job.id,
            arrival=record.arrival + offset,
            dispatched=_shifted(record.dispatched, offset),
            first_token=_shifted(record.first_token, offset),
            last_token=_shifted(record.last_token, offset),
            finished=(record.finished or record.arrival) + offset,
            model=job.model,
            endpoint=relay.request.endpoint,
            worker=in_flight.worker,
            tenant=prompt.tenant,
            prompt_tokens=record.prompt_tokens or job.prompt_tokens,
            output_tokens=record.output_tokens,
            sequences=job.sequences,
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            finish_reason=finish_reason,
            censored=censored,
            text=prompt.text if self.keep_text else None,
            streamed=relay.request.generates_stream,
            images=in_flight.parts.images,
            key=in_flight.key or None,
            **kind_fields(prompt),
            **_forecast_fields(in_flight.forecast),
        )


def _forecast_fields(forecast: RequestForecast) -> dict[str, Any]:
    """The fields of a record that hold the forecast and its inputs."""
    quantiles = tuple(forecast.length.quantile(level) for level in QUANTILES)
    fields: dict[str, Any] = {
        "tier": forecast.tier,
        "predicted_mean": forecast.length.mean,
        "predicted_quantiles": quantiles,
    }
    if forecast.predictions:
        fields |= _refit_fields(forecast.predictions[0])
    return fields


def _refit_fields(fast: Prediction) -> dict[str, Any]:
    """The fields that a refit needs: inputs and raw forecast of the fast tier."""
    keys, raw = fast.forecast.keys, fast.raw_forecast
    return {
        "location": float(raw.location[0]),
        "scale": float(raw.scale[0]),
        "inputs": raw.inputs[0].astype(np.float32),
        "feature_hash": feature_hash(),
        "artefact": fast.artefact_id,
        "keys": keys,
        "prompt_hash": _hex(keys[PROMPT]),
        "template_hash": _hex(keys[SKELETON]),
        "system_hash": _hex(keys[SYSTEM]),
    }


def _hex(key: int) -> str:
    return "" if key == NO_KEY else f"{key:016x}"


def _shifted(moment: float | None, offset: float) -> float | None:
    return None if moment is None else moment + offset
