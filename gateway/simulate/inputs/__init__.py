"""Where simulated requests come from: CASTILLO, JSON lines, a served log or a trace of lengths."""
