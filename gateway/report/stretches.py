"""Stretches: the requests of a log that are replayed, all or several runs of neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gateway.replay.seen import Seen, Window
from gateway.report.served import Served
from gateway.shadow.records import Begun, Ended
from gateway.simulate.inputs.served_log import recorded_forecasts
from predictor.arrays import Flags, Indices

STRETCHES = 8
"""Runs of neighbours in place of a log that is too large. Requests chosen one by one would leave
the engines with less to do than they had."""

RUN_IN = 0.1
"""Share of a stretch that fills the engines and the queue, and is not compared."""

_FORECAST = ("model", "output_tokens", "sequences", "predicted_mean", "predicted_quantiles")


@dataclass(frozen=True, slots=True)
class Stretches:
    """The window of the replay, and how many requests of the log it left out."""

    window: Window
    requests: int
    left_out: int


def stretches(served: Served, most: int) -> Stretches:
    """What is replayed of a log: all, or ``STRETCHES`` with ``most`` requests together."""
    arrival = served.time("arrival") + served.shift
    order = np.argsort(arrival, kind="stable")
    chosen, measured = np.ones(len(order), dtype=np.bool_), np.ones(len(order), dtype=np.bool_)
    if len(order) > most:
        chosen, measured = _spread(served, order, most)
    rows = order[chosen[order]]
    seen = list(_seen(served, rows, measured))
    window = Window([one for one in seen if one.loads], -np.inf, np.inf)
    return Stretches(window, len(rows), len(order) - len(rows))


def _spread(served: Served, order: Indices, most: int) -> tuple[Flags, Flags]:
    """Which requests (n) are replayed, and which of them are compared."""
    arrival = served.time("arrival") + served.shift
    finished = served.time("finished") + served.shift
    chosen, measured = np.zeros((2, len(order)), dtype=np.bool_)
    size = max(1, most // STRETCHES)
    for begin in np.linspace(0, len(order) - size, STRETCHES).astype(int):
        rows = order[begin : begin + size]
        chosen[rows] = True
        chosen |= (arrival < arrival[rows[0]]) & (finished > arrival[rows[0]])  # under way
        measured[rows[int(RUN_IN * size) :]] = True
    return chosen, measured


def _seen(served: Served, rows: Indices, measured: Flags) -> Iterator[Seen]:
    """The chosen requests as the shadow would have been told of them."""
    records = served.table.select(_FORECAST).take(rows).to_pylist()
    forecasts = recorded_forecasts(records)
    workers, tenants, models = map(served.names, ("worker", "tenant", "model"))
    whole, streamed = served.whole, served.number("streamed")
    times = {name: values + served.shift for name, values in served.times.items()}
    prompt = served.number("prompt_tokens")
    for row, record, length in zip(rows.tolist(), records, forecasts, strict=True):
        first = _known(times["first_token"][row])
        streams = first is not None if np.isnan(streamed[row]) else bool(streamed[row])
        atoms = (tuple(length.tokens), tuple(length.mass))
        shape = (models[row], int(prompt[row]), streams, record["sequences"], tenants[row])
        yield Seen(
            Begun(str(row), float(times["arrival"][row]), *shape, *atoms),
            Ended(
                str(row),
                bool(whole[row] and measured[row]),
                workers[row],
                int(prompt[row]),
                record["output_tokens"],
                _known(times["dispatched"][row]),
                first,
                float(times["finished"][row]),
                *atoms,
            ),
        )


def _known(moment: float) -> float | None:
    return None if np.isnan(moment) else float(moment)
