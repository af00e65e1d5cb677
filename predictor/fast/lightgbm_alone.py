"""LightGBM without the packages that it loads only to accept their data.

If they are installed, pandas, scikit-learn and Arrow take 100 MB and seconds; forecasts pass numpy
arrays. A process that has loaded one of them keeps it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightgbm import Booster

_NOT_NEEDED = ("dask", "pandas", "pyarrow", "sklearn")


def load_booster(text: str) -> Booster:
    """A booster from LightGBM's text format.

    Raises:
        ImportError, OSError: LightGBM or its runtime library is absent.
        ValueError: the text is no booster.
    """
    with _absent(_NOT_NEEDED):
        from lightgbm import Booster  # noqa: PLC0415 - the gateway also runs without
        from lightgbm.basic import LightGBMError  # noqa: PLC0415
    try:
        return Booster(model_str=text)
    except LightGBMError as error:
        raise ValueError(str(error)) from error


@contextmanager
def _absent(packages: tuple[str, ...]) -> Iterator[None]:
    """Let an import of these packages fail for the length of the block."""
    if "lightgbm" in sys.modules:
        packages = ()
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
