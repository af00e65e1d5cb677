"""Client libraries, each in its own words, at a real vLLM and at a gateway before the same vLLM."""
