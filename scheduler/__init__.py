"""Who goes next, and where: pure decisions, no clock, no I/O."""
