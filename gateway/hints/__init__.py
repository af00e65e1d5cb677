"""``lengthwise predict --serve``: forecasts for other gateways, over HTTP and gRPC."""
