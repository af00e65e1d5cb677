"""The scheduler: which request goes next, and to which vLLM server. Without clock and I/O."""
