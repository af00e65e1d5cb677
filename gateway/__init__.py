"""OpenAI in, vLLM out: the HTTP gateway over the scheduler and the predictor."""
