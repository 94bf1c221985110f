"""Events to other programs: signed HTTP requests out of an outbox, each at least once."""
