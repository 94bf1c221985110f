"""What an owner of queues reads once a week: how they were served, what they said, what changed. Pure."""
