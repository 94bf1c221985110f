"""Who calls again: one customer behind a number, what happened to them, and who was called back. Pure."""
