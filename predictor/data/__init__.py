"""Measured answer lengths: the sources they are read from and the arrays they become."""
