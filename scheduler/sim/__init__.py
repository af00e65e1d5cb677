"""The scheduler in virtual time, in front of a model of vLLM."""
