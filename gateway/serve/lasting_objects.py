"""Lasting objects: what is made before the gateway serves is left out of Python's collections.

Python looks for cycles of objects that nothing else holds. A full look goes through all objects,
holds the interpreter for some 80 ms with what the gateway has at its start, and comes with any
request whose JSON makes many objects.
"""

from __future__ import annotations

import gc

YOUNG, TURNS, FULL_TURNS = 5_000, 5, 80
"""Python looks through new objects once there are so many beyond those freed, in every fifth such
turn also through those that were new in the turns before, and in every 80th of these through all.

Python's own figures (700, 10, 10) are for programs that leave cycles, and a request leaves none.
With 10,000 requests that wait, a look through all holds everything up for most of a second."""


def leave_out_lasting_objects() -> None:
    """Collect once, leave all that is there out of later collections, and let those be rare.

    What is in no cycle is still freed, as the predictor that a new one replaces.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, TURNS, FULL_TURNS)
