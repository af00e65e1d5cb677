"""The simulator: the scheduler in virtual time, in front of a model of vLLM."""
