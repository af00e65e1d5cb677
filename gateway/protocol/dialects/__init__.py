"""The dialects of generating APIs: how each tells tokens, usage, ends and errors of an answer."""
