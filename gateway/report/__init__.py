"""``lengthwise report``: what a served log says of traffic, latency, savings and forecasts."""
