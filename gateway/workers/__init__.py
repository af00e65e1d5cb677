"""The vLLM servers: discovery, probes, connections, load and status."""
