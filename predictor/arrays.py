"""Names of the numpy array types that the predictor's signatures use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Half = NDArray[np.float16]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
