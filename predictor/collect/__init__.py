"""`lengthwise collect`: sampling the answer lengths of a user's own model.

An OpenAI-compatible server answers every prompt several times. Kept are each answer's length and
whether the answer ended by itself; the texts of the answers are not kept.
"""
