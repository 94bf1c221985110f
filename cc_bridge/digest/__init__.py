"""Digests: periodic mails with the figures of queues, sent to the owners of the queues.

A digest has the figures of a day, week or month. It compares them with the figures of an earlier day, week or
month.
"""
