"""Measured lengths: where they come from, and the arrays they become."""
