"""The operators' side: a listener of its own, its endpoints, and the commands that ask it."""
