"""Training of both tiers; code that forecasts never imports this package."""
