"""The link to the scheduler: builds and drives the scheduler, finds tenant and affinity."""
