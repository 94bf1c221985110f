"""The pipeline from a record to the database: queue, writer, journal, forwarder, outbox and checkpoints."""
