"""POST /v1/responses, OpenAI's newer API: requests, answers, events, and what is stored."""
