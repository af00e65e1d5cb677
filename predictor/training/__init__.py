"""Training of both tiers. Nothing that forecasts imports it."""
