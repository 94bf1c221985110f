"""Offline tools: the replay of a recorded AMI stream, and the import and comparison of a queue_log."""
