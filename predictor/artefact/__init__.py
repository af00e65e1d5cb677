"""A trained model on disk: the format of its directory, its card, and its versions."""
