"""The style of all plots: those of `lengthwise evaluate` and of `lengthwise simulate`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 130
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
}


class PlotsError(Exception):
    """Plots cannot be drawn; the message says what to install."""


def require_matplotlib(alternative: str = "") -> None:
    """Raise PlotsError if matplotlib is not installed; ``alternative`` ends the message."""
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise PlotsError(f"plots need matplotlib; pip install '.[plots]'{alternative}") from error


def styled() -> Any:
    """A context in which figures ignore the user's matplotlibrc."""
    import matplotlib as mpl  # noqa: PLC0415

    settings: Any = dict(mpl.rcParamsDefault)
    settings.update(_STYLE)
    return mpl.rc_context(settings)


def new_figure(
    width: float, height: float, columns: int, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure of ``width`` x ``height`` inches and its panels, row by row."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - without pyplot, which keeps state

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()
