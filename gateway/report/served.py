"""Served: the requests of a served log as arrays, without what cannot be true."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from gateway.config.workers import MOST_SLOTS
from gateway.report.errors import ReportError
from predictor import served_log
from predictor.arrays import Array, Flags
from predictor.data.parquet import numbers, strings
from predictor.served_log import Lost
from predictor.served_log.logged_forecast import are_sound

COLUMNS = (
    *("arrival", "dispatched", "first_token", "last_token", "finished", "model", "endpoint"),
    *("worker", "tenant", "key", "prompt_tokens", "output_tokens", "sequences", "finish_reason"),
    *("censored", "predicted_mean", "predicted_quantiles", "mode", "script", "tools", "json"),
    *("turns", "streamed", "images"),
)
"""The columns that a report needs: no text, no hash of a prompt."""

FEWEST = 30
"""Requests from which on there is a report."""

ABORTED = "aborted"
"""Finish reason of an answer that broke off."""

EARLIEST = 1.577e9
"""2020, in Unix seconds: an earlier time is that of a clock that was not set."""

CLOCK_SLACK_S = 3600.0
"""Seconds that the gateway's clock may be ahead of this machine's."""

LONGEST_NAME = 200
"""Letters of a name that count; a client can send a model's name of megabytes."""

_MOST_SEQUENCES = MOST_SLOTS  # of a request: the largest requests.max_sequences
_MOST_TOKENS = 10_000_000.0  # of a prompt or an answer: no context is so long
_LONGEST_S = 700_000.0  # no request may take longer: requests.timeout_s
_BACK_S = 2.0  # steps of a clock that is set right are smaller

_TIMES = ("arrival", "dispatched", "first_token", "last_token", "finished")


@dataclass(frozen=True, slots=True)
class Served:
    """n requests in the order in which they ended. Times are Unix seconds, NaN where unknown.

    ``shift`` (n) are seconds by which the clock had gone back before the request ended: times and
    shift together never go back. ``broken`` records of the whole log were left out, and ``lost`` is
    what of its files could not be read.
    """

    table: pa.Table
    times: dict[str, Array]
    shift: Array
    broken: int = 0
    lost: Lost = field(default_factory=Lost)
    _numbers: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.shift)

    def time(self, name: str) -> Array:
        """A time of each request, such as ``arrival``."""
        return self.times[name]

    def number(self, name: str) -> Array:
        """A column of numbers or truth values; NaN for null."""
        if name not in self._numbers:
            self._numbers[name] = numbers(self.table, name)
        return self._numbers[name]

    def names(self, name: str) -> list[str]:
        """A column of names, each cut at ``LONGEST_NAME``; "" for null."""
        return [(value or "")[:LONGEST_NAME] for value in strings(self.table, name).tolist()]

    def of(self, rows: Flags) -> Served:
        """The requests at ``rows`` (n)."""
        times = {name: values[rows] for name, values in self.times.items()}
        kept = self.table.filter(pa.array(rows))
        return replace(self, table=kept, times=times, shift=self.shift[rows], _numbers={})

    @property
    def jumps(self) -> int:
        """How often the clock went back between these requests."""
        return int((np.diff(self.shift) > 0).sum())

    @property
    def untrue_forecasts(self) -> int:
        """Requests whose forecast cannot be true; it counts as missing."""
        quantiles = self.table["predicted_quantiles"]
        given = ~np.asarray(quantiles.is_null().to_numpy(), dtype=np.bool_)
        return int((given & ~are_sound(quantiles, self.number("predicted_mean"))).sum())

    @property
    def whole(self) -> Flags:
        """Whether each request's answer is complete (n)."""
        return np.array([reason != ABORTED for reason in self.names("finish_reason")], dtype=bool)

    @property
    def queue_wait(self) -> Array:
        """As in ``RequestRecord``: seconds until the dispatch to a worker."""
        return self.time("dispatched") - self.time("arrival")

    @property
    def prefill(self) -> Array:
        """Seconds from the dispatch to the first token; NaN of an answer that is not streamed."""
        return self.time("first_token") - self.time("dispatched")

    @property
    def decode(self) -> Array:
        """Seconds from the first token to the end of the answer; NaN of one not streamed."""
        return self.time("finished") - self.time("first_token")

    @property
    def ttft(self) -> Array:
        """As in ``RequestRecord``: seconds to the first token."""
        return self.time("first_token") - self.time("arrival")

    @property
    def e2e(self) -> Array:
        """As in ``RequestRecord``: seconds to the end of the answer."""
        return self.time("finished") - self.time("arrival")


def read_served(folder: Path, now: float) -> Served:
    """All requests of a served log; ``now`` is in Unix seconds.

    Raises:
        LogError: the folder is absent, cannot be read or is no served log.
        ReportError: the log holds no sound record.
    """
    table, lost = served_log.read_as_written(folder, COLUMNS)
    times = {name: numbers(table, name) for name in _TIMES}
    sound = _sound(table, times, now)
    served = Served(table, times, np.zeros(len(sound)), int((~sound).sum()), lost).of(sound)
    if not len(served):
        what = f"none of whose {len(sound)} records is sound" if len(sound) else "without a record"
        raise ReportError(f"{folder} is a log {what}; serve requests with learning.folder first")
    return _steady(_consistent(served))


def within(served: Served, begin: float, end: float) -> Served:
    """The requests that arrived in a period.

    Raises:
        ReportError: there are too few of them.
    """
    arrival = served.time("arrival")
    found = served.of((arrival >= begin) & (arrival <= end))
    if len(found) < FEWEST:
        raise ReportError(
            f"the log has {len(found)} of its {len(served)} requests in this period, too few for a "
            f"report (at least {FEWEST}); choose a longer one with --last, --since or --until"
        )
    return found


def _sound(table: pa.Table, times: dict[str, Array], now: float) -> Flags:
    """Whether each record can be true: sizes, and times of a clock that was set.

    A record of sizes that no gateway lets through would be replayed without end.
    """
    arrival, finished = times["arrival"], times["finished"]
    prompt, sequences = numbers(table, "prompt_tokens"), numbers(table, "sequences")
    output = numbers(table, "output_tokens")
    sizes = (output >= 1) & (output <= _MOST_TOKENS * sequences)
    sizes &= (sequences >= 1) & (sequences <= _MOST_SEQUENCES)
    with np.errstate(invalid="ignore"):
        took = finished - arrival
        return np.asarray(
            sizes
            & (prompt >= 0)
            & (prompt <= _MOST_TOKENS)
            & (took >= 0)
            & (took <= _LONGEST_S)
            & (arrival > EARLIEST)
            & (finished < now + CLOCK_SLACK_S),
            dtype=np.bool_,
        )


def _consistent(served: Served) -> Served:
    """Without the times of events that would be out of their order."""
    times = dict(served.times)
    before = times["arrival"]
    for name in ("dispatched", "first_token", "last_token"):
        right = (times[name] >= before) & (times[name] <= times["finished"])
        times[name] = np.where(right, times[name], np.nan)
        before = np.fmax(before, times[name])
    return replace(served, times=times)


def _steady(served: Served) -> Served:
    """Note where the clock went back: requests are recorded in the order in which they ended."""
    steps = np.diff(served.time("finished"), prepend=served.time("finished")[:1])
    back = np.where(steps < -_BACK_S, -steps, 0.0)
    return replace(served, shift=np.cumsum(back))
