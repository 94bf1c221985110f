"""Personal data in the database: subject access, erasure, retention and voice recordings."""
