"""Asterisk's queue_log: parsed, combined into visits, and compared with cc_bridge's records. Without I/O."""
