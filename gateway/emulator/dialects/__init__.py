"""The four APIs for text: how each asks for an answer, and how each is answered."""
