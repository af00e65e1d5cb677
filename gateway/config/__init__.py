"""Every setting of the gateway, and the file, environment and flags it is read from."""
