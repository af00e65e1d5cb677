"""``lengthwise simulate``: policies compared on recorded requests, in virtual time."""
