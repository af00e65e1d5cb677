"""What the operators' commands draw: tables of the figures that the gateway answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.admin.commands.fit import why_off
from gateway.admin.commands.words import duration, shown_moment

BAR = 12
"""Columns of a bar."""

ID = 36
"""Columns of an id that is not folded: a UUID."""

NARROW = 110
"""Columns of the screen below which pages leave out what can be done without."""

Page = Mapping[str, Any]


def status_page(status: Page, width: int) -> RenderableType:
    """What is wrong, workers, queue and forecasts."""
    workers = status["workers"]
    parts: list[RenderableType] = [
        *_problems(status),
        _workers(workers, BAR if width >= NARROW else 0),
        *_troubles(workers),
        _queue(status),
        _forecasts(status),
        _saved(status["saved"]),
    ]
    return Group(_head(status), *parts)


def _problems(status: Page) -> list[Text]:
    """What an operator has to mend: files that are refused, settings that wait for a restart."""
    configuration = status["configuration"]
    found = []
    if error := configuration.get("error"):
        since = shown_moment(configuration["loaded"])
        found.append(f"the configuration is refused, the one of {since} stays in force:\n{error}")
    if waiting := configuration["needs_restart"]:
        found.append(f"changed, but in force only after a restart: {', '.join(waiting)}")
    if problem := status.get("keys_problem"):
        found.append(problem)
    return [_lines(text) for text in found]


def _lines(text: str) -> Text:
    """A problem; its lines stay lines."""
    shown = Text(style="bold red")
    for line in text.splitlines():
        shown.append_text(plain(line)).append("\n")
    return shown


def plain(value: object) -> Text:
    """A text as it is: nothing that came from elsewhere steers the terminal."""
    shown = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() else "?" for c in shown))


def bar(share: float | None, columns: int = BAR) -> Text:
    """A bar of so many columns with its per cent; - where nothing is known."""
    if share is None:
        return Text("-")
    full = round(columns * min(max(share, 0.0), 1.0))
    colour = "red" if share > 0.97 else "yellow" if share > 0.8 else "green"
    text = Text("█" * full, style=colour)
    text.append("░" * (columns - full), style="dim")
    return text.append(f"{100 * share:4.0f} %", style="default" if columns else colour)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table; columns whose names begin with > hold figures, aligned to the right.

    Where the screen is too narrow, the widest texts are folded; nothing is cut.
    """
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        longest = max((len(str(row[number])) for row in rows), default=0)
        made.add_column(
            name.lstrip(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
            min_width=min(longest, ID) if name == "id" else None,  # to be copied in one piece
        )
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


def _workers(workers: Sequence[Page], columns: int) -> Table:
    titles = ("worker", "state", "slots", "KV cache", "KV peak, forecast", ">requests")
    rows = [
        (
            worker["url"],
            worker_state(worker),
            bar(_share(worker["sequences"], worker["slots"]), columns),
            bar(_kv_now(worker), columns),
            bar(_kv(worker, "kv_peak"), columns),
            worker["in_flight"],
        )
        for worker in workers
    ]
    return table("", titles, rows)


def _troubles(workers: Sequence[Page]) -> list[Text]:
    """What is wrong with workers, a line each: too long for a column."""
    return [
        plain(f"{worker['url']}: {problem}")
        for worker in workers
        if (problem := worker["problem"] or worker["ejected"])
    ]


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


def _kv_now(worker: Page) -> float | None:
    reported: float | None = worker["kv_usage"]
    return reported if reported is not None else _kv(worker, "kv_used")


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
        text.append("none is whole yet; those cut by a token limit do not count")
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
    "unlike_workers": "no figures: workers of one model serve different models, or have left",
    "behind": "no figures: the shadow's process was behind and has lost requests",
    "stale": "no figures: the shadow's process gets no time",
    "down": "no figures: the shadow's process does not run",
}
"""Why nothing is said of what was saved."""

_MEASURES = ("mean_per_token", "mean_ttft", "mean_e2e", "p99_e2e")


def _saved(saved: Page) -> RenderableType:
    """What the policy saves, with the interval, or why that is not known."""
    if saved["state"] == "model_off":
        return Text(f"\nSaved by the policy: no figures: {why_off(saved)}")
    if saved["state"] != "ok":
        return Text("\nSaved by the policy: " + _STATES.get(saved["state"], "unknown"))
    error = saved["error_ratio"]["mean_e2e"]
    title = (
        f"\nSaved by {saved['policy']}, {saved['requests']:,} requests of "
        f"{duration(saved['window_s'])} (replay off by {100 * error:+.0f} %{_scaled(saved)})"
    )
    rows = [
        (against, *(_saving(row.get(name)) for name in _MEASURES), row["preemptions"])
        for against, row in saved["against"].items()
    ]
    columns = ("against", *(f">{name.replace('_', ' ')}" for name in _MEASURES), ">preemptions")
    return table(title, columns, rows)


def _scaled(saved: Page) -> str:
    factor = saved.get("cost_factor")
    return "" if factor is None else f", engine steps scaled by {factor:.2f}"


def _saving(one: Page | None) -> str:
    if one is None:
        return "-"
    low, high = one["low"], one["high"]
    return f"{one['seconds']:.3g} s, {100 * one['share']:.0f} % ({low:.3g}..{high:.3g})"
