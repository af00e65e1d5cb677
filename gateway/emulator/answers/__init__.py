"""What the emulated model says: made-up text of a drawn length, as the request demands it."""
