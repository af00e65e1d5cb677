"""Every setting of the gateway, and the reader of file, environment and flags."""
