"""The wire: OpenAI bodies and errors, server-sent events, ASGI. Knows no other part of ours."""
