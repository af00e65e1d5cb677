"""What the emulated model reads: text as tokens, conversations as one prompt."""
