"""The fast tier: LightGBM forecasts a prompt's answer length in about a millisecond."""
