"""The link to Asterisk's manager interface: bytes to messages, one session, and staying connected."""
