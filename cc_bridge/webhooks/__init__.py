"""Webhooks: events for other programs, sent as signed HTTP requests from an outbox, each at least once."""
