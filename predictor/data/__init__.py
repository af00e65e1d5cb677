"""Measured answer lengths: the sources of the lengths, and the arrays read from the sources."""
