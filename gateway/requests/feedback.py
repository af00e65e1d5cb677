"""Feedback: what a request that has ended teaches, and its line in the served log."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.forecasting.forecaster import Forecaster, Guess
from gateway.metrics import Metrics
from gateway.requests.passage import Passage
from predictor.adaptive.keys import NO_KEY, PROMPT, SKELETON, SYSTEM
from predictor.features.definition import feature_hash
from predictor.raw_forecast import QUANTILES
from predictor.served import FINISHED_ITSELF, ServedLog, ServedRecord


@dataclass(slots=True)
class Feedback:
    """Tells the metrics, the forecaster and the served log how requests ended."""

    forecaster: Forecaster
    metrics: Metrics
    log: ServedLog | None
    keep_text: bool

    def answered(self, passage: Passage) -> None:
        """The answer is complete."""
        exchange, job = passage.exchange, passage.job
        record, usage = exchange.record, exchange.usage
        record.finished = asyncio.get_running_loop().time()
        record.prompt_tokens, record.output_tokens = usage.prompt_tokens, usage.output_tokens
        if not exchange.request.generates:
            return
        self.metrics.observe_answer(job.model, record)
        if usage.output_tokens:
            censored = not usage.finish_reasons <= set(FINISHED_ITSELF)
            self._teach(passage, ",".join(sorted(usage.finish_reasons)), censored=censored)

    def broken_off(self, passage: Passage) -> None:
        """There is no complete answer: the client left, a limit was reached, the worker failed.

        What had been generated until then says that the answer is at least so long.
        """
        exchange = passage.exchange
        if not exchange.request.generates or not exchange.tokens:
            return
        exchange.record.finished = asyncio.get_running_loop().time()
        exchange.record.output_tokens = exchange.tokens
        self._teach(passage, "aborted", censored=True)

    def _teach(self, passage: Passage, finish_reason: str, *, censored: bool) -> None:
        record = passage.exchange.record
        if passage.job.sequences == 1:
            self.forecaster.learn(
                passage.prompt,
                passage.guess,
                prompt_tokens=record.prompt_tokens,
                output_tokens=record.output_tokens,
                censored=censored,
            )
        if self.log is not None:
            kept = self.log.append(self._served(passage, finish_reason, censored=censored))
            self.metrics.log_records.labels("written" if kept else "dropped").inc()

    def _served(self, passage: Passage, finish_reason: str, *, censored: bool) -> ServedRecord:
        exchange, job, prompt, guess = (
            passage.exchange,
            passage.job,
            passage.prompt,
            passage.guess,
        )
        record = exchange.record
        unix = time.time() - asyncio.get_running_loop().time()
        return ServedRecord(
            id=job.id,
            arrival=record.arrival + unix,
            dispatched=_at(record.dispatched, unix),
            first_token=_at(record.first_token, unix),
            last_token=_at(record.last_token, unix),
            finished=(record.finished or record.arrival) + unix,
            model=job.model,
            endpoint=exchange.request.endpoint,
            worker=passage.worker,
            tenant=prompt.tenant,
            prompt_tokens=record.prompt_tokens or job.prompt_tokens,
            output_tokens=record.output_tokens,
            sequences=job.sequences,
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            finish_reason=finish_reason,
            censored=censored,
            text=prompt.text if self.keep_text else None,
            **_forecast(guess),
        )


def _forecast(guess: Guess) -> dict[str, Any]:
    """The fields of a record that say what was predicted, and from what."""
    fields: dict[str, Any] = {
        "tier": guess.tier,
        "predicted_mean": guess.length.mean,
        "predicted_quantiles": tuple(guess.length.quantile(level) for level in QUANTILES),
    }
    if guess.predictions:  # inputs, location and scale are the fast tier's: what a refit continues
        first = guess.predictions[0]
        keys = first.forecast.keys
        fields |= {
            "location": float(first.raw_forecast.location[0]),
            "scale": float(first.raw_forecast.scale[0]),
            "inputs": first.raw_forecast.inputs[0].astype(np.float32),
            "feature_hash": feature_hash(),
            "artefact": first.artefact,
            "prompt_hash": _hex(keys[PROMPT]),
            "template_hash": _hex(keys[SKELETON]),
            "system_hash": _hex(keys[SYSTEM]),
        }
    return fields


def _hex(key: int) -> str:
    return "" if key == NO_KEY else f"{key:016x}"


def _at(moment: float | None, unix: float) -> float | None:
    return None if moment is None else moment + unix
