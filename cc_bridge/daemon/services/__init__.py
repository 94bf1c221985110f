"""The services of the daemon: they serve the PBX and callers, web pages, and the receivers of webhooks."""
