"""Protocols: OpenAI bodies and errors, server-sent events, ASGI. Imports no other wing."""
