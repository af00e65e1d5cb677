"""The HTTP gateway: forwards OpenAI requests to vLLM servers in the scheduler's order."""
