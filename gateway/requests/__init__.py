"""The life of one request: accepted, forecast, queued, forwarded, recorded."""
