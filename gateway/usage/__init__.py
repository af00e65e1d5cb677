"""Usage: what clients have used by key, model and day, kept in a database that outlives crashes."""
