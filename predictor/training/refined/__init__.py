"""Training of the refined tier: a small text encoder fine-tuned on lengths, and its head."""
