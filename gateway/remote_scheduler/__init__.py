"""One scheduler for several fronts: a process of its own, and what a front has in its place."""
