"""What the operators' commands draw: tables of the figures that the gateway answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BAR = 12
"""Columns of a bar."""

Page = Mapping[str, Any]


def status_page(status: Page) -> RenderableType:
    """Workers, queue and forecasts."""
    return Group(
        *(_head(status), _workers(status["workers"]), _queue(status), _forecasts(status)),
        _saved(status["saved"]),
    )


def plain(value: object) -> Text:
    """A text as it is: nothing that came from elsewhere steers the terminal."""
    shown = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() else "?" for c in shown))


def bar(share: float | None) -> Text:
    """A bar with its per cent; empty where nothing is known."""
    if share is None:
        return Text("-")
    full = round(BAR * min(max(share, 0.0), 1.0))
    colour = "red" if share > 0.97 else "yellow" if share > 0.8 else "green"
    text = Text("█" * full, style=colour)
    text.append("░" * (BAR - full), style="dim")
    return text.append(f" {100 * share:3.0f} %", style="default")


def duration(seconds: float | None) -> str:
    """Seconds as people read them: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table; columns whose names begin with > are aligned to the right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Any = "right" if name.startswith(">") else "left"
        made.add_column(name.lstrip(">"), justify=justify, overflow="fold")
    for row in rows:
        made.add_row(*(one if isinstance(one, Text) else plain(one) for one in row))
    return made


def _head(status: Page) -> Text:
    queue, good = status["queue"], status["status"] == "ready" and not status["paused"]
    state = "paused" if status["paused"] and status["status"] == "ready" else status["status"]
    text = Text("Lengthwise ").append_text(plain(status["version"])).append("  ")
    text.append_text(Text(state, style="bold green" if good else "bold red"))
    text.append(f"  up {duration(status['uptime_s'])}")
    text.append(f"  under way {status['requests_in_flight']}  waiting {queue['waiting']}")
    return text.append(f" ({queue['expected_tokens']:,} tokens expected)\n")


def _workers(workers: Sequence[Page]) -> Table:
    columns = ("worker", "state", "slots", "KV cache", "KV peak, forecast", ">requests", "problem")
    rows = [
        (
            worker["url"],
            worker_state(worker),
            bar(_share(worker["sequences"], worker["slots"])),
            bar(worker["kv_usage"] if worker["kv_usage"] is not None else _kv(worker, "kv_used")),
            bar(_kv(worker, "kv_peak")),
            worker["in_flight"],
            worker["problem"] or worker["ejected"],
        )
        for worker in workers
    ]
    return table("", columns, rows)


def worker_state(worker: Page) -> Text:
    """A worker's state in a word, the gravest first."""
    if not worker["healthy"]:
        return Text("down", style="bold red")
    for field, colour in (("drained", "yellow"), ("draining", "yellow")):
        if worker[field]:
            return Text(field, style=colour)
    for field, word in (("ejected", "ejected"), ("cooling", "cooling"), ("on_trial", "on trial")):
        if worker[field]:
            return Text(word, style="red")
    return Text("serving", style="green")


def _kv(worker: Page, field: str) -> float | None:
    return _share(worker[field], worker["kv_capacity"])


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _queue(status: Page) -> Table:
    queue = status["queue"]
    rates = queue["starting_tokens_per_s"]
    rows: list[tuple[object, ...]] = [
        ("model", model or "(none)", waiting, _rate(rates.get(model)))
        for model, waiting in queue["by_model"].items()
    ]
    rows += [("class", urgency, waiting, "") for urgency, waiting in queue["by_class"].items()]
    rows += [
        ("expected length", _length(one["up_to_tokens"]), one["waiting"], "")
        for one in queue["by_length"]
        if one["waiting"]
    ]
    rows += [("tenant", tenant, count, "") for tenant, count in queue["by_tenant"].items()]
    return table("\nQueue", ("by", "", ">waiting", ">starting"), rows or [("", "empty", 0, "")])


def _length(bound: int | None) -> str:
    return "longer" if bound is None else f"up to {bound}"


def _rate(tokens: float | None) -> str:
    return "" if tokens is None else f"{tokens:,.0f} tokens/s"


def _forecasts(status: Page) -> Text:
    forecasts = status["forecasts"]
    text = Text(f"\nForecasts of {forecasts['answers']} answers: ")
    if forecasts["interval_coverage"] is None:
        text.append("none has ended yet")
    else:
        text.append(
            f"80 % interval held {100 * forecasts['interval_coverage']:.0f} %, median off by "
            f"{forecasts['mean_absolute_error_tokens']:.0f} tokens"
        )
    return text.append(f", fallbacks {forecasts['fallbacks']}")


_STATES = {
    "off": "not measured (shadow.enabled)",
    "starting": "no figures before 100 answers",
    "few_requests": "too few requests for figures",
    "model_off": "no figures: the replay does not fit what happened",
    "unlike_workers": "no figures: workers of one model serve different models, or have left",
    "behind": "no figures: the shadow's process was behind and has lost requests",
    "stale": "no figures: the shadow's process gets no time",
    "down": "no figures: the shadow's process does not run",
}
"""Why nothing is said of what was saved."""

_MEASURES = ("mean_per_token", "mean_ttft", "mean_e2e", "p99_e2e")


def _saved(saved: Page) -> RenderableType:
    """What the policy saves, with the interval, or why that is not known."""
    if saved["state"] != "ok":
        return Text("\nSaved by the policy: " + _STATES.get(saved["state"], "unknown"))
    error = saved["error_ratio"]["mean_e2e"]
    title = (
        f"\nSaved by {saved['policy']}, {saved['requests']:,} requests of "
        f"{duration(saved['window_s'])} (replay off by {100 * error:+.0f} %)"
    )
    rows = [
        (against, *(_saving(row.get(name)) for name in _MEASURES), row["preemptions"])
        for against, row in saved["against"].items()
    ]
    columns = ("against", *(f">{name.replace('_', ' ')}" for name in _MEASURES), ">preemptions")
    return table(title, columns, rows)


def _saving(one: Page | None) -> str:
    if one is None:
        return "-"
    low, high = one["low"], one["high"]
    return f"{one['seconds']:.3g} s, {100 * one['share']:.0f} % ({low:.3g}..{high:.3g})"
