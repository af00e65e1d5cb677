"""``lengthwise serve``: its command line, and its process from first port to last answer."""
