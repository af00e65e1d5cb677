"""The features of a request, in one definition for training and inference."""
