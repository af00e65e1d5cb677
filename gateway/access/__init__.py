"""Who may use the gateway, and how much: API keys, their holders' rights and limits."""
