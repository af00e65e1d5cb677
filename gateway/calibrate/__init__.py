"""``lengthwise calibrate``: measures a running server's step time over HTTP."""
