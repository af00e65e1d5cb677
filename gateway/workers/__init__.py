"""The life of one vLLM server: found, probed, used, lost."""
