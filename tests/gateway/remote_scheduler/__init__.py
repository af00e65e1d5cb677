"""Tests of the scheduler that several fronts share."""
