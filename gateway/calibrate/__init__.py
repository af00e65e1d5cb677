"""``lengthwise calibrate``: a real server's step time, measured over HTTP alone."""
