"""The shadow's own process: replays the gateway's requests under other policies."""
