"""Decides which request goes next, and to which vLLM server: no clock, no I/O."""
