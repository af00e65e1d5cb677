"""The link to the scheduler: builds and drives the scheduler, and describes requests to it."""
