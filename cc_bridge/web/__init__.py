"""The daemon's own HTTP port."""
