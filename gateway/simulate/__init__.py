"""``lengthwise simulate``: compares policies on recorded requests, in virtual time."""
