"""The life of one vLLM server: found, probed, told to the scheduler, lost."""
