"""Jobs of the daemon that run periodically in a thread."""
