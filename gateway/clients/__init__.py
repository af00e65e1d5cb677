"""The connections of clients: accepted, read, bounded, ended."""
