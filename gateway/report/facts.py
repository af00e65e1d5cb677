"""Facts: all figures of a report, as plain values for the page and for JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.calibrate.cost_model import CostModel
from gateway.config.settings import Config
from gateway.report.forecasts import forecasts
from gateway.report.latency import latency
from gateway.report.outcomes import outcomes
from gateway.report.period import Period
from gateway.report.saved import replay_log
from gateway.report.served import CLOCK_SLACK_S, EARLIEST, read_served, within
from gateway.report.settings import advise
from gateway.report.traffic import traffic

Facts = dict[str, Any]

DEFAULT_POLICY = "the default, since neither --config nor the environment names one"
"""Where the policy comes from that a report takes the gateway to have had."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for."""

    log: Path
    period: Period
    config: Config
    costs: CostModel | None = None
    access_log: Path | None = None
    most_replayed: int = 8000
    policy_from: str = DEFAULT_POLICY


def facts_of(asked: Asked, tell: Callable[[str], None] = lambda step: None) -> Facts:
    """All figures. ``tell`` hears what is done next, since replays take a minute.

    Raises:
        LogError: the log cannot be read.
        ReportError: there is too little in it, or the access log cannot be used.
    """
    begun = time.time()
    tell("reading the log")
    log = read_served(asked.log, begun)
    last = float(log.time("arrival").max())
    served = within(log, *asked.period.bounds(last))
    about = {
        "made_at": begun,
        "log_requests": len(log),
        "broken": log.broken,
        "lost_files": log.lost.files,
        "lost_lines": log.lost.lines,
        "clock_went_back": served.jumps,
    }
    facts: Facts = {"about": about, "traffic": traffic(served), "latency": latency(served)}
    if asked.access_log is not None:
        begin, end = asked.period.asked(last)
        end = min(end, begun + CLOCK_SLACK_S)
        facts["outcomes"] = outcomes(asked.access_log, max(begin, EARLIEST), end)
    tell("scoring the forecasts")
    facts["forecasts"] = forecasts(served)
    tell("replaying the requests under fcfs and stock")
    facts["saved"], case = replay_log(served, asked.config, asked.costs, asked.most_replayed)
    facts["saved"]["policy_from"] = asked.policy_from
    tell("replaying other settings")
    facts["settings"] = advise(case) if facts["saved"]["state"] == "ok" else _no_replay()
    about["took_s"] = round(time.time() - begun, 1)
    return facts


def _no_replay() -> Facts:
    return {"verdict": "no_replay"}
