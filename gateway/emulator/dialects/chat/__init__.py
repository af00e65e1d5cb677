"""POST /v1/chat/completions: requests and answers."""
