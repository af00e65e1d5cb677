"""POST /v1/messages, Anthropic's API, as vLLM serves it: requests and answers."""
