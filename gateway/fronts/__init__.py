"""``lengthwise serve --fronts N``: several processes serve one port as one gateway."""
