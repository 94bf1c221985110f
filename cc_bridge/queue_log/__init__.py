"""Asterisk's own account of its queues: read, put together to visits, compared with ours. Pure Python."""
