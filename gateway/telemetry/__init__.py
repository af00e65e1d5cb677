"""Parts of the metrics that need nothing else of the gateway: labels, the process, other names."""
