"""The gateway on Ray: its replicas as a Ray Serve application. Needs ``lengthwise[ray]``."""
