"""From a prompt to a length distribution, and what changes the model while the gateway runs."""
