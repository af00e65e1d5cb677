"""The sources of simulated requests: CASTILLO, JSON lines, a served log, a trace of lengths."""
