"""Refits: an artefact is fitted to served traffic and promoted if later traffic confirms it."""
