"""The link to the scheduler: how it is built and driven, and what it learns of a request."""
