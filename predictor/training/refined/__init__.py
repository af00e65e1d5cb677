"""A small text encoder fine-tuned on output lengths: what the refined tier adds to a forecast."""
