"""The refined tier: a text encoder and a head forecast the requests that wait in the queue."""
