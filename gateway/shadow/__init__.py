"""The shadow's side in the gateway: what it is told, its process, and what it answers."""
