"""What is known of the wire: OpenAI bodies and errors, server-sent events, ASGI."""
