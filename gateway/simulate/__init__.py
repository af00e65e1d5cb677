"""``lengthwise simulate``: requests with their forecasts, through the scheduler in virtual time."""
