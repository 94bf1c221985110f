"""Offline tools: replay of a recorded AMI stream, import of a queue_log and its comparison with records."""
