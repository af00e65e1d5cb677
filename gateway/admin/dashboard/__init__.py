"""The live page: what it shows, who watches, and its files."""
