"""Length forecasts of requests: the predictor in use, its reloads, its refits, its fallback."""
