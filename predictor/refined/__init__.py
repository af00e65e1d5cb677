"""The refined tier: a text encoder and a head over it, for requests that wait."""
