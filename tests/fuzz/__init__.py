"""Malformed requests by the thousand before a real gateway: ``python -m tests.fuzz``."""
