"""``lengthwise picker``: the scheduler behind Envoy, which asks it where each request goes."""
