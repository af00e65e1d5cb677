"""Reads the fields of a request's body that say how long the answer will be.

Every reader takes parsed JSON. A field of the wrong type counts as absent and raises nothing, and
the work is bounded whatever the client sent.
"""
