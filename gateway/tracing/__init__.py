"""Traces of requests for OpenTelemetry, where ``traces.endpoint`` is set."""
