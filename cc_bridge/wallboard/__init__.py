"""The figures of the wallboard: the current state of the queues, and the counts of today. Pure."""
