"""Digests: the periodic mails to the owners of queues, with the figures of a period and the one before."""
