"""The configuration changes while the gateway runs: watched, reread, refused or applied."""
