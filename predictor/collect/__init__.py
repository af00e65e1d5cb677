"""`lengthwise collect`: sampling the answer lengths of a user's own model.

An OpenAI-compatible server answers every prompt several times. The collection keeps each answer's
length and whether the answer ended by itself, and drops the answer's text.
"""
