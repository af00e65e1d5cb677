"""Everything that speaks to the scheduler, or says what it is told of a request."""
