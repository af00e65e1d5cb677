"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

MINUS, SPACE = "−", "\N{NO-BREAK SPACE}"


def number(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}".replace("-", MINUS)


def seconds(value: float) -> str:
    """A duration, in the unit that fits it."""
    size = abs(value)
    sign = MINUS if value < 0 else ""
    if size < 0.9995:
        digits = 0 if size >= 0.01 or not size else 1
        return f"{sign}{size * 1000:.{digits}f}{SPACE}ms"
    if size < 99.5:
        return f"{sign}{size:.{1 if size >= 9.995 else 2}f}{SPACE}s"
    minutes, rest = divmod(round(size), 60)
    if minutes < 100:
        return f"{sign}{minutes} min {rest:02} s".replace(" ", SPACE)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours} h {minutes:02} min" if hours < 72 else f"{hours / 24:.0f} days"
    return sign + shown.replace(" ", SPACE)


def share(value: float | None, digits: int = 0) -> str:
    """A share in per cent."""
    if value is None:
        return ""
    shown = f"{value:.{digits}%}"
    zero = not shown.strip("-0.%")
    return (shown.strip("-") if zero else shown.replace("-", MINUS)).replace("%", f"{SPACE}%")


def signed(value: float) -> str:
    """A share in per cent with its sign."""
    shown = share(value)
    return shown if shown.startswith((MINUS, f"0{SPACE}")) else f"+{shown}"


def decimal(value: float | None, digits: int = 2) -> str:
    """A number with some digits; "" for None."""
    return "" if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def moment(unix: float) -> str:
    """Date and time in UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M")


def clock(unix: float, width_s: float) -> str:
    """The beginning of a bar of this width: time of day, or date."""
    form = "%H:%M" if width_s < 3 * 3600 else "%d %b %H:%M" if width_s < 86_400 else "%d %b %Y"
    return datetime.fromtimestamp(unix, UTC).strftime(form)


def width(width_s: float) -> str:
    """What a bar spans, as in "requests by hour"."""
    words = {60: "minute", 3600: "hour", 86_400: "day", 7 * 86_400: "week"}
    if width_s in words:
        return words[int(width_s)]
    return f"{width_s / 60:.0f} minutes" if width_s < 3600 else f"{width_s / 3600:.0f} hours"
