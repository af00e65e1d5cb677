"""The fast tier: LightGBM on a prompt, about a millisecond."""
