"""Queries, one module a subject; each function takes an open connection."""
