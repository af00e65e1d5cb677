"""A trained model on disk: its format, its card, its versions."""
