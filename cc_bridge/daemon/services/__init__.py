"""Services of the daemon that answer: the PBX, callers, pages and webhook receivers."""
