"""Services of the daemon that serve the PBX, callers, web pages and webhook endpoints."""
