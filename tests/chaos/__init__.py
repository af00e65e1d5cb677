"""Chaos: three workers and many clients misbehave by a seeded plan, and all accounts must agree."""
