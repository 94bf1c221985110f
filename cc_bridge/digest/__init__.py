"""Digests: the periodic mails to the owners of queues.

A digest has the figures of a day, week or month, and those of an earlier one for comparison.
"""
