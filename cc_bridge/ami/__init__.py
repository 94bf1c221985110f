"""Asterisk's manager interface (AMI): the message codec, one session, and a link that reconnects."""
