"""Text in a demanded format: JSON for a schema, one of several choices, or a match."""
