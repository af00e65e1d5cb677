"""The life of one request: accept, forecast, queue, forward, account."""
